"""Hosts of a group that are lost one after another under load, each with all that it held, and built anew.

A host that is built anew has the group's config and key and nothing else: its replica asks the others which group it is
(gaios bootstrap --join), is filled, and votes again. Two rounds, or as many as go into $GAIOS_REBUILD_SECONDS:

    GAIOS_REBUILD_SECONDS=600 GAIOS_LAB_DIR=/tmp/rebuilt python3 -B tests/lab/rebuilt_test.py
"""

import os
import time

import counted
import group
import machines

ROUNDS = 2
# Commands that the clients of a host may have sent and not written down when the host is lost (8 KiB of lines), or have
# under way then: two windows.
UNWRITTEN = 100
UNDER_WAY = 2 * 64
PATIENT = group.LIGHT + " --timeout-ms 120000"  # longer than a change of the leader takes
SECONDS = int(os.environ.get("GAIOS_REBUILD_SECONDS", "0"))


class RebuiltTest(group.GroupLab):
    CLIENTS_BY_NETWORK = True  # those of the hosts that are left go to whoever leads

    def rebuild(self, host):
        started = self.lab("start", host)
        self.assertEqual(0, started[0], started)
        self.place(host, ("cluster.key", "group.toml"))
        self.run_in(host, f"{group.GAIOS} bootstrap --config {group.DIRECTORY}/group.toml --join --id {host}")
        self.start(host)

    def round(self, victim):
        """It is lost, and votes again. Returns what became of it."""
        begin = time.monotonic()
        self.load(range(self.HOSTS), more=PATIENT)
        self.await_acknowledged(self.await_leader(range(self.HOSTS)))
        self.assertEqual(0, self.lab("kill", victim)[0])
        successor = self.await_leader(self.others(victim))
        self.await_acknowledged(successor)
        self.rebuild(victim)
        self.wait(lambda: self.replica(victim).get("voter"), f"host {victim} votes again: {self.log(victim)}")
        self.await_acknowledged(successor)
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))
        return f"host {victim} lost and built anew in {time.monotonic() - begin:.0f} s"

    def test_hosts_lost_one_after_another(self):
        self.make_group()
        begin = time.monotonic()
        rounds = 0
        while rounds < ROUNDS or time.monotonic() - begin < SECONDS:
            # By turns who leads and who follows; so every host has its turn.
            leader = self.await_leader(range(self.HOSTS))
            victim = leader if rounds % 2 == 0 else self.others(leader)[rounds // 2 % 2]
            print(f"round {rounds}: {self.round(victim)}", flush=True)
            rounds += 1
        sent, acknowledged, bare = counted.counts(self.lines())
        applied = self.replica(self.await_leader(range(self.HOSTS)))["applied_commands"]
        print(f"{rounds} hosts lost and built anew in {time.monotonic() - begin:.0f} s; {acknowledged} of {sent} commands that "
              f"were not refused acknowledged, {bare} of them without their number, {applied} run", flush=True)
        # What has no answer may have been run or not. All others have a number of their own among those that were run.
        self.assertEqual([], counted.findings(self.lines(), applied))
        self.assertLess(bare, acknowledged)
        # Only clients that died with their host are without an answer.
        self.assertLessEqual(sent - acknowledged, UNDER_WAY * rounds)
        self.assertLessEqual(applied, sent + UNWRITTEN * rounds, "more commands were run than sent")


if __name__ == "__main__":
    machines.main()
