"""Hosts of a group that are lost one after another under load, each with all that it held, and built anew.

A host that is built anew has the group's config and key and nothing else: its replica asks the others which group it is
(gaios bootstrap --join), is filled, and votes again. Two rounds, or as many as go into $GAIOS_REBUILD_SECONDS:

    GAIOS_REBUILD_SECONDS=600 GAIOS_LAB_DIR=/tmp/rebuilt python3 -B tests/lab/rebuilt_test.py
"""

import json
import os
import time

import group
import machines

ROUNDS = 2
SECONDS = int(os.environ.get("GAIOS_REBUILD_SECONDS", "0"))


class RebuiltTest(group.GroupLab):
    def rebuild(self, host):
        started = self.lab("start", host)
        self.assertEqual(0, started[0], started)
        self.place(host, ("cluster.key", "group.toml"))
        self.run_in(host, f"{group.GAIOS} bootstrap --config {group.DIRECTORY}/group.toml --join --id {host}")
        self.start(host)

    def counts(self):
        """Of all histories: commands that were sent and not refused, and that were acknowledged."""
        kinds = []
        for path in self.histories:
            with open(path, encoding="utf-8") as file:
                kinds += [json.loads(line)["type"] for line in file]
        return kinds.count("invoke") - kinds.count("fail"), kinds.count("ok")

    def round(self, victim):
        """It is lost, and votes again. Returns what became of it."""
        begin = time.monotonic()
        self.load(range(self.HOSTS), more=group.LIGHT)
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
        sent, acknowledged = self.counts()
        said = self.replica(self.await_leader(range(self.HOSTS)))
        # What was acknowledged has been run, and nothing twice: sessions run a command once, and what has no answer may
        # have been run or not.
        lost = max(0, acknowledged - said["applied_commands"])
        duplicated = max(0, said["applied_commands"] - sent)
        print(f"{rounds} hosts lost and built anew in {time.monotonic() - begin:.0f} s; {acknowledged} of {sent} commands that "
              f"were not refused acknowledged, {said['applied_commands']} run; lost {lost}, duplicated {duplicated}", flush=True)
        self.assertEqual((0, 0), (lost, duplicated))


if __name__ == "__main__":
    machines.main()
