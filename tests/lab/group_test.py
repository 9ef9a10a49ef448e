"""A group of real replicas on three hosts, over RDMA: hosts that die, stall and are cut off under load.

Clients reach the replica of their own host. Some run on every host, so wherever the leader is, somebody asks it. Hosts
do not share a clock, so the history of each host's clients is judged by itself; that the replicas have run the same
commands is judged by their states.
"""

import json
import os
import shutil
import subprocess

import machines
import paths

ADDRESS = "10.77.0.{}:7400"
# A guest is emulated, and shares two processors with the others.
TIMING = ("[timing]\nheartbeat_interval_ms = 50\nsuspect_timeout_ms = 1000\nelection_jitter_ms = 200\n"
          "election_timeout_ms = 3000\ndrop_timeout_ms = 2000\n")
DIRECTORY = "/tmp/group"  # in each guest
GAIOS = os.path.join(paths.BIN, "gaios")
JUDGE = os.path.join(paths.BIN, "gaios-linearizability")


class GroupTest(machines.LabTest):
    HOSTS = 3

    def setUp(self):
        for host in range(self.HOSTS):
            self.lab("heal", host)
            if self.status()["hosts"][host]["state"] != "up":
                self.lab("start", host)
        self.results = [os.path.join(os.environ["GAIOS_LAB_DIR"], "results", f"host{host}") for host in range(self.HOSTS)]
        self.loads = []
        self.histories = []

    def tearDown(self):
        for process in self.loads:
            process.kill()
            process.communicate()
        for host in range(self.HOSTS):
            if self.status()["hosts"][host]["state"] == "up":
                self.lab("run", host, "pkill -9 -f '[g]aios replica'; rm -rf " + DIRECTORY)

    def make_group(self, capacity_bytes=1 << 20):
        """A new group, bootstrapped here and copied to each host, with a replica running on each."""
        here = os.path.join(os.environ["GAIOS_LAB_DIR"], "group")
        shutil.rmtree(here, ignore_errors=True)
        os.makedirs(here)
        key = os.path.join(here, "cluster.key")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(os.urandom(32).hex())
        replicas = "".join(f'[[replica]]\nid = {host}\naddress = "{ADDRESS.format(10 + host)}"\n' for host in range(self.HOSTS))
        for name, directory, key_path in (("here.toml", os.path.join(here, "made"), key),
                                          ("group.toml", DIRECTORY, os.path.join(DIRECTORY, "cluster.key"))):
            with open(os.path.join(here, name), "w", encoding="utf-8") as file:
                file.write(f'group = "lab"\ntransport = "verbs"\ndirectory = "{directory}"\ncapacity_bytes = {capacity_bytes}\n'
                           f'state_machine = "counter"\nidle = "yield"\n{TIMING}'
                           f'[credentials]\nkey_file = "{key_path}"\n{replicas}')
        made = subprocess.run([GAIOS, "bootstrap", "--config", os.path.join(here, "here.toml")], capture_output=True, text=True)
        self.assertEqual(0, made.returncode, made.stderr)
        for name in ("cluster.key", "group.toml"):
            shutil.copy(os.path.join(here, name), os.path.join(here, "made"))
        for host in range(self.HOSTS):
            shutil.rmtree(os.path.join(self.results[host], "made"), ignore_errors=True)
            shutil.copytree(os.path.join(here, "made"), os.path.join(self.results[host], "made"))
            self.run_in(host, f"rm -rf {DIRECTORY}; cp -r /run/results/made {DIRECTORY}; chown -R 0:0 {DIRECTORY}; "
                              f"chmod 600 {DIRECTORY}/cluster.key; rm -f /run/results/*.jsonl /run/results/load.*")
            self.start(host)
        return self.await_leader(range(self.HOSTS))

    def start(self, host):
        self.run_in(host, f"setsid {GAIOS} replica --config {DIRECTORY}/group.toml --id {host} "
                          "> /run/results/replica.log 2>&1 < /dev/null &")

    def replica(self, host):
        """What the replica of a host says of itself."""
        code, output, _ = self.lab("run", host, f"{GAIOS} status --config {DIRECTORY}/group.toml --json -")
        return json.loads(output)[host] if code == 0 else {}

    def await_leader(self, hosts, other_than=None):
        """Waits until one of the hosts leads with a majority, and returns which."""
        found = []

        def leads():
            for host in hosts:
                said = self.replica(host)
                if host != other_than and said.get("role") == "leader" and said["running"] and not said["no_quorum"]:
                    found.append(host)
                    return True
            return False
        self.wait(leads, f"a leader among {list(hosts)}: {[self.log(host) for host in hosts]}")
        return found[0]

    def log(self, host):
        try:
            with open(os.path.join(self.results[host], "replica.log"), encoding="utf-8") as file:
                return file.read()
        except OSError as error:
            return str(error)

    def load(self, hosts, seconds, more=""):
        """Clients of the replicas of these hosts, for so long."""
        for host in hosts:
            name = f"load{len(self.histories)}"
            self.histories.append(os.path.join(self.results[host], name + ".jsonl"))
            self.loads.append(self.begin(
                "run", "--timeout", machines.BOUND_SECONDS, host,
                f"{GAIOS} load --config {DIRECTORY}/group.toml --clients 2 --mode closed --seconds {seconds} {more} "
                f"--history /run/results/{name}.jsonl --json /run/results/{name}.json"))

    def await_acknowledged(self, host, name="commit"):
        """Waits until the replica of a host has got on from where it is."""
        before = self.replica(host)[name]
        self.wait(lambda: self.replica(host).get(name, 0) > before, f"host {host} gets on: {self.log(host)}")

    def end_of_load(self, cut_short=()):
        """All clients have ended, those of the hosts `cut_short` anyhow; and what they were told is right."""
        for process in self.loads:
            self.end(process)
        self.loads.clear()
        acknowledged = 0
        for path in self.histories:
            if not os.path.exists(path) or os.path.getsize(path) == 0:
                continue
            with open(path, encoding="utf-8") as file:
                lines = file.read().split("\n")
            whole = lines[:-1]  # a host that died may have left half a line
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in whole))
            acknowledged += sum(1 for line in whole if '"ok"' in line)
            judged = subprocess.run([JUDGE, "--model", "log", "--shared-slots", path], capture_output=True, text=True)
            self.assertEqual(0, judged.returncode, judged.stdout + judged.stderr)
        self.assertGreater(acknowledged, 0)
        return acknowledged

    def assert_same_state(self, hosts):
        """They come to the same commit, and their states are equal."""
        said = []

        def agree():
            said[:] = [self.replica(host) for host in hosts]
            return (len({one["commit"] for one in said}) == 1 and
                    all(one["applied"] == one["commit"] for one in said))
        self.wait(agree, f"the replicas agree: {said}")
        self.assertEqual(1, len({one["state_hash"] for one in said}), said)
        self.assertFalse(any(one["diverged"] for one in said), said)

    def test_commits_and_agrees(self):
        self.make_group()
        self.load(range(self.HOSTS), 5)
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))
        for host in range(self.HOSTS):
            self.assertEqual("verbs", self.replica(host)["links"][0]["path"])

    def test_the_leaders_host_dies(self):
        leader = self.make_group()
        self.load(range(self.HOSTS), 25)
        self.await_acknowledged(leader)
        self.assertEqual(0, self.lab("kill", leader)[0])
        others = [host for host in range(self.HOSTS) if host != leader]
        successor = self.await_leader(others)
        self.await_acknowledged(successor)
        self.end_of_load()
        self.assert_same_state(others)

    def test_a_leaders_host_that_stalls_finds_itself_fenced(self):
        leader = self.make_group()
        self.load(range(self.HOSTS), 30)
        self.await_acknowledged(leader)
        stall = self.begin("stall", leader, 8)
        others = [host for host in range(self.HOSTS) if host != leader]
        successor = self.await_leader(others)
        self.assert_good(stall)
        self.wait(lambda: self.replica(leader).get("role") == "follower", f"it steps down: {self.log(leader)}")
        self.await_acknowledged(successor)
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))

    def test_a_leader_that_is_cut_off(self):
        for how in ((), ("--to", "all"), ("--from", "all")):
            with self.subTest(how):
                leader = self.make_group()
                self.load(range(self.HOSTS), 25)
                self.await_acknowledged(leader)
                self.assertEqual(0, self.lab("cut", leader, *how)[0])
                others = [host for host in range(self.HOSTS) if host != leader]
                successor = self.await_leader(others)
                self.await_acknowledged(successor)
                self.assertEqual(0, self.lab("heal", leader)[0])
                self.end_of_load()
                self.assert_same_state(range(self.HOSTS))
                self.tearDown()

    def test_each_follower_that_is_cut_off_catches_up(self):
        leader = self.make_group()
        for follower in (host for host in range(self.HOSTS) if host != leader):
            with self.subTest(follower):
                self.load([leader], 15)
                self.await_acknowledged(leader)
                self.assertEqual(0, self.lab("cut", follower)[0])
                self.await_acknowledged(leader)  # without it
                self.assertEqual(0, self.lab("heal", follower)[0])
                self.end_of_load()
                self.assert_same_state(range(self.HOSTS))
        self.assertEqual("leader", self.replica(leader)["role"])

    def test_the_ring_wraps_with_a_dead_follower(self):
        capacity_bytes = 1 << 14
        leader = self.make_group(capacity_bytes)
        dead = (leader + 1) % self.HOSTS
        self.assertEqual(0, self.lab("kill", dead)[0])
        self.load([leader], 40)
        self.wait(lambda: self.replica(leader)["commit"] > 3 * capacity_bytes, f"three laps: {self.log(leader)}")
        self.end_of_load()
        self.assert_same_state([host for host in range(self.HOSTS) if host != dead])

    def test_twenty_leaders_in_a_row(self):
        leader = self.make_group()
        for _ in range(20):
            self.run_in(leader, "pkill -STOP -f '[g]aios replica'")
            successor = self.await_leader([host for host in range(self.HOSTS) if host != leader])
            self.run_in(leader, "pkill -CONT -f '[g]aios replica'")
            self.wait(lambda: self.replica(leader).get("role") == "follower", f"it steps down: {self.log(leader)}")
            leader = successor
        self.load([leader], 5)
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))


if __name__ == "__main__":
    machines.main()
