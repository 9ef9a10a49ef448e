"""A group over RDMA that changes its members under load: a host that its configs did not name joins and votes, and one
that is lost is removed."""

import json

import group
import machines


class MembersTest(group.GroupLab):
    def member(self, leader, *words):
        code, output, errors = self.lab("run", "--timeout", machines.BOUND_SECONDS, leader,
                                        f"{group.GAIOS} member {' '.join(map(str, words))} --config {group.DIRECTORY}/group.toml --json -")
        self.assertEqual(0, code, errors)
        return json.loads(output)

    def join(self, host):
        """The replica of a host that is new to the group asks it which group it is, and starts."""
        self.place(host, ("cluster.key", "group.toml"))
        self.run_in(host, f"printf '{repr(self.section(host))[1:-1]}' >> {group.DIRECTORY}/group.toml")
        self.run_in(host, f"{group.GAIOS} bootstrap --config {group.DIRECTORY}/group.toml --join --id {host}")
        self.start(host)

    def test_one_joins_and_votes_and_one_whose_host_dies_is_removed(self):
        newcomer = self.HOSTS - 1
        first = range(newcomer)
        self.place_group(begins_with=newcomer)
        for host in first:
            self.start(host)
        leader = self.await_leader(first)
        self.load(first)
        self.await_acknowledged(leader)

        self.join(newcomer)
        self.wait(lambda: self.replica(newcomer).get("role") == "learner", f"it is there: {self.log(newcomer)}")
        added = self.member(leader, "add", "--id", newcomer, "--address", group.ADDRESS.format(10 + newcomer), "--wait-s 100")
        self.assertEqual(list(range(self.HOSTS)), added["voters"])
        self.assertEqual({"verbs"}, {link["path"] for link in self.replica(newcomer)["links"] if link["state"] != "down"})
        self.await_acknowledged(newcomer)

        # With the newcomer two of three are left, and without its vote nobody could lead.
        self.assertEqual(0, self.lab("kill", leader)[0])
        successor = self.await_leader(self.others(leader))
        self.await_acknowledged(successor)
        removed = self.member(successor, "remove", "--id", leader, "--wait-s 100")
        self.assertEqual(self.others(leader), removed["voters"])
        self.load([successor])
        self.await_acknowledged(successor)
        self.end_of_load()
        self.assert_same_state(self.others(leader))


if __name__ == "__main__":
    machines.main()
