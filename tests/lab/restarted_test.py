"""Replicas of a group over RDMA that are killed one after another under load and started again, each with its memory lost.

Its host lives on; so a round takes seconds, where a host that is built anew takes a minute or more (rebuilt_test.py).
Clients go to the leader over the network, their host does not die, and they wait for longer than a change of the leader
takes: each command must be answered, and each has a place of its own among all that were run. Two hundred rounds, or as
many as go into 45 minutes, or

    GAIOS_RESTART_ROUNDS=1000 GAIOS_RESTART_SECONDS=9000 GAIOS_LAB_DIR=/tmp/restarted python3 -B tests/lab/restarted_test.py
"""

import collections
import os
import re
import time

import counted
import group
import machines

ROUNDS = int(os.environ.get("GAIOS_RESTART_ROUNDS", "200"))
SECONDS = int(os.environ.get("GAIOS_RESTART_SECONDS", "2700"))
# The clients of a lap end with it, and states are compared. They run for so long at most.
ROUNDS_OF_A_LAP = 20
LAP_SECONDS = 200
LOAD_SECONDS = LAP_SECONDS + 2 * machines.BOUND_SECONDS  # the last round, and what follows it, may take long
PATIENT = group.LIGHT + " --timeout-ms 120000"
# As a service manager does: one that has ended is started again. Its number is in a file.
KEEP_RUNNING = ("setsid sh -c 'while :; do {gaios} replica --config {directory}/group.toml --id {host} & "
                "echo $! > {directory}/pid; wait $!; done' > /run/results/replica.log 2>&1 < /dev/null &")
KILL = "read pid < {directory}/pid && kill -9 $pid"  # nothing that a guest would have to load first


class ReplicasAreRestarted(group.GroupLab):
    """Rounds of it. Four are what every ./check shows (short_test.py).

    What happens is read from the replicas' logs, which costs the guests nothing; a command run in one takes seconds
    where this machine is busy.
    """

    CLIENTS_BY_NETWORK = True
    IDLE = "back_off"  # a host that has nothing to do leaves its processor to the others, which have much

    def start(self, host):
        self.run_in(host, KEEP_RUNNING.format(gaios=group.GAIOS, directory=group.DIRECTORY, host=host))

    def roles(self, host, since=0):
        """What the replica of a host has said that it is, from that byte of its log on."""
        return re.findall(rf"(?m)^replica {host}: ((?:leader of|follower|learner|candidate).*)$", self.log(host)[since:])

    def says_it_leads(self):
        """Who said last that it leads with a majority, and has said nothing else since; None if nobody has."""
        leading = {}
        for host in range(self.HOSTS):
            ballot = re.fullmatch(r"leader of ballot (\d+)\.\d+", (self.roles(host) or [""])[-1])
            if ballot:
                leading[int(ballot[1])] = host
        return leading[max(leading)] if leading else None

    def logs(self):
        return [self.log(host)[-2000:] for host in range(self.HOSTS)]

    def restart(self, victim):
        """It is killed, and votes again in another life."""
        before = len(self.log(victim))
        self.run_in(victim, KILL.format(directory=group.DIRECTORY))

        def votes_again():
            begun = self.log(victim)[before:].rfind(": incarnation ")
            return begun >= 0 and any(role.startswith(("follower", "leader"))
                                      for role in self.roles(victim, before + begun))
        self.wait(votes_again, f"replica {victim} votes again: {self.logs()}")

    def lap(self, rounds):
        """So many replicas are lost in turn, or as many as there is time for. Returns what each was when it was lost."""
        lost = []
        begin = time.monotonic()
        self.load([0], LOAD_SECONDS, PATIENT)
        clients = list(self.loads)
        self.await_acknowledged(self.await_leader(range(self.HOSTS)))
        while len(lost) < rounds and time.monotonic() - begin < LAP_SECONDS:
            self.wait(lambda: self.says_it_leads() is not None, f"a leader: {self.logs()}")
            # By turns who leads and who follows; so every one has its turn.
            leader = self.says_it_leads()
            victim = leader if len(lost) % 2 == 0 else self.others(leader)[len(lost) // 2 % 2]
            self.restart(victim)
            lost.append("leader" if victim == leader else "follower")
        self.await_acknowledged(self.await_leader(range(self.HOSTS)))
        self.end_of_load()
        self.assertEqual([0], [client.returncode for client in clients], "they end well, with all that they were told written")
        self.assert_same_state(range(self.HOSTS))
        return lost

    def restarted(self, rounds):
        self.make_group()
        begin = time.monotonic()
        lost = collections.Counter()
        while lost.total() < rounds and time.monotonic() - begin < SECONDS:
            lost.update(self.lap(min(ROUNDS_OF_A_LAP, rounds - lost.total())))
            print(f"{lost.total()} replicas lost in {time.monotonic() - begin:.0f} s", flush=True)
        sent, acknowledged, bare = counted.counts(self.lines())
        said = self.replica(self.await_leader(range(self.HOSTS)))
        print(f"{lost.total()} replicas lost and back in {time.monotonic() - begin:.0f} s, {dict(lost)}; {acknowledged} of "
              f"{sent} commands acknowledged, {bare} of them without their number, {said['applied_commands']} run", flush=True)
        self.assertEqual([], counted.findings(self.lines(), said["applied_commands"]))
        self.assertEqual(sent, acknowledged, "no client's host was lost, and yet commands had no answer")
        self.assertEqual(sent, said["applied_commands"], "a command was run twice, or not at all")


class RestartedTest(ReplicasAreRestarted):
    def test_replicas_lost_one_after_another(self):
        self.restarted(ROUNDS)


if __name__ == "__main__":
    machines.main()
