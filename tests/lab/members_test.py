"""A group over RDMA that changes its members under load: a host that its configs did not name joins and votes, one that
is lost is removed; one takes another's place, that comes back, and moves."""

import json

import group
import machines


class MembersTest(group.GroupLab):
    def member(self, leader, *words):
        """Asks `leader`, or whoever leads by then."""
        while True:
            code, output, errors = self.lab("run", "--timeout", machines.BOUND_SECONDS, leader,
                                            f"{group.GAIOS} member {' '.join(map(str, words))} "
                                            f"--config {group.DIRECTORY}/group.toml --json -")
            if "run this on its host" not in errors:
                self.assertEqual(0, code, errors)
                return json.loads(output)
            leader = self.await_leader(range(self.HOSTS))

    @staticmethod
    def elsewhere(host):
        """Where the replica of a host may be met too."""
        return group.ADDRESS.format(10 + host).replace(":7400", ":7401")

    def join(self, host, address=None):
        """The replica of a host that is new to the group asks it which group it is, and starts."""
        self.place(host, ("cluster.key", "group.toml"))
        config = f"{group.DIRECTORY}/group.toml"
        self.run_in(host, f"grep -q '^id = {host}$' {config} || printf '{repr(self.section(host))[1:-1]}' >> {config}")
        if address:
            self.run_in(host, f"sed -i 's/{group.ADDRESS.format(10 + host)}/{address}/' {config}")
        self.run_in(host, f"{group.GAIOS} bootstrap --config {group.DIRECTORY}/group.toml --join --id {host}")
        self.start(host)

    def begin_without(self, newcomer):
        """The group of the hosts before that one, of which its configs do not speak; the leader."""
        self.place_group(begins_with=newcomer)
        for host in range(newcomer):
            self.start(host)
        return self.await_leader(range(newcomer))

    def join_as_learner(self, newcomer):
        self.join(newcomer)
        self.wait(lambda: self.replica(newcomer).get("role") == "learner", f"it is there: {self.log(newcomer)}")

    def test_one_joins_and_votes_and_one_whose_host_dies_is_removed(self):
        newcomer = self.HOSTS - 1
        leader = self.begin_without(newcomer)
        self.load(range(newcomer))
        self.await_acknowledged(leader)

        self.join_as_learner(newcomer)
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

    def test_one_takes_anothers_place_and_moves(self):
        newcomer = self.HOSTS - 1
        leader = self.begin_without(newcomer)
        replaced = self.others(leader)[0]
        self.load([leader], 1500, group.LIGHT)
        self.await_acknowledged(leader)
        self.join_as_learner(newcomer)
        members = self.member(leader, "replace", "--id", replaced, "--with", newcomer,
                              "--address", group.ADDRESS.format(10 + newcomer), "--wait-s 100")
        self.assertEqual(sorted([leader, newcomer]), members["voters"])
        self.await_acknowledged(newcomer)

        # The one that was replaced comes back as another life, at another port.
        self.run_in(replaced, f"pkill -9 -f '[g]aios replica'; rm -rf {group.DIRECTORY}")
        self.join(replaced, self.elsewhere(replaced))
        added = self.member(leader, "add", "--id", replaced, "--address", self.elsewhere(replaced), "--wait-s 100")
        self.assertEqual(list(range(self.HOSTS)), added["voters"])

        # And one that is lost with all that it had votes again from another port.
        before = added["members"][newcomer]["incarnation"]
        self.run_in(newcomer, f"pkill -9 -f '[g]aios replica'; rm -rf {group.DIRECTORY}")
        self.join(newcomer, self.elsewhere(newcomer))
        moved = self.member(leader, "address", "--id", newcomer, "--address", self.elsewhere(newcomer), "--wait-s 100")
        self.assertEqual(self.elsewhere(newcomer), moved["members"][newcomer]["address"])
        self.wait(lambda: self.member(leader, "list")["members"][newcomer]["incarnation"] > before,
                  f"it votes again: {self.log(newcomer)}")
        self.await_acknowledged(newcomer)
        self.assertEqual({"verbs"}, {link["path"] for link in self.replica(newcomer)["links"] if link["state"] != "down"})
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))


if __name__ == "__main__":
    machines.main()
