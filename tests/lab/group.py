"""A group of real replicas on three hosts, over RDMA, over UDP, or over RDMA and UDP, for tests that do something to
its hosts under load.

Clients reach the replica of their own host, and no other: those on hosts that do not lead are answered nothing. Some run
on every host, so wherever the leader is, somebody asks it. Where CLIENTS_BY_NETWORK is set they reach every replica. Hosts
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
UDP_ADDRESS = "10.77.0.{}:7500"  # where UDP is one of several paths
CLIENT_ADDRESS = "10.77.0.{}:7600"  # where clients of the network are served
RDMA_PORT = 4791  # of UDP, where RoCEv2 goes to: without it there is no RDMA between hosts, and all else goes on
ONE_PATH = 'transport = "verbs"\n'
LIGHT = "--mode open --rate 20 --idle back_off"
TWO_PATHS = 'paths = ["verbs", "udp"]\n'
# A guest is emulated, and shares two processors with the others.
TIMING = ("[timing]\nheartbeat_interval_ms = 50\nsuspect_timeout_ms = 1000\nelection_jitter_ms = 200\n"
          "election_timeout_ms = 3000\ndrop_timeout_ms = 2000\n")
DIRECTORY = "/tmp/group"  # in each guest
GAIOS = os.path.join(paths.BIN, "gaios")
JUDGE = os.path.join(paths.BIN, "gaios-linearizability")


# Copies the log of the replica of this host, its words included, out of its memory. The log lies at the end of the one
# piece of it that is large enough and is kept from children.
COPY_LOG = r'''
import re, subprocess, sys
capacity, to = int(sys.argv[1]), sys.argv[2]
pid = int(subprocess.check_output(["pgrep", "-f", "[g]aios replica"]))
found = []
for line in open(f"/proc/{pid}/smaps"):
    place = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
    if place:
        low, high = (int(number, 16) for number in place.groups())
    elif line.startswith("VmFlags:") and " dc" in line and high - low >= capacity + 4096:
        found.append(high - capacity - 4096)
[at] = found
with open(f"/proc/{pid}/mem", "rb") as memory, open(to, "wb") as file:
    memory.seek(at)
    file.write(memory.read(capacity + 4096))
'''


class GroupLab(machines.LabTest):
    HOSTS = 3
    LINKS = ONE_PATH
    SECTIONS = ""  # of the config, beside what every group has
    CLIENTS_BY_NETWORK = False  # clients go to whichever host leads
    IDLE = "yield"  # what replicas do while they wait

    def more_of(self, host):
        """Lines of a replica in the config, beside what every one has."""
        return f'client_address = "{CLIENT_ADDRESS.format(10 + host)}"\n' if self.CLIENTS_BY_NETWORK else ""

    def setUp(self):
        for host in range(self.HOSTS):
            self.lab("heal", host)
            if self.status()["hosts"][host]["state"] != "up":
                self.lab("start", host)
        self.results = [os.path.join(os.environ["GAIOS_LAB_DIR"], "results", f"host{host}") for host in range(self.HOSTS)]
        self.loads = []
        self.histories = []
        self.judged = 0  # histories that end_of_load() is done with

    def tearDown(self):
        for process in self.loads:
            process.kill()
            process.communicate()
        for host in range(self.HOSTS):
            if self.status()["hosts"][host]["state"] == "up":
                self.lab("run", host, "pkill -9 -f '[g]aios replica'; rm -rf " + DIRECTORY)

    def make_group(self, capacity_bytes=1 << 20, state_machine="counter", links=None):
        """A new group, bootstrapped here and copied to each host, with a replica running on each. Returns who leads."""
        self.place_group(capacity_bytes, state_machine, links)
        for host in range(self.HOSTS):
            self.start(host)
        return self.await_leader(range(self.HOSTS))

    def place_group(self, capacity_bytes=1 << 20, state_machine="counter", links=None, begins_with=None):
        """As make_group, but for the replicas: start() starts each. The group may begin with the first few hosts alone."""
        hosts = range(begins_with or self.HOSTS)
        links = links or self.LINKS
        here = os.path.join(os.environ["GAIOS_LAB_DIR"], "group")
        shutil.rmtree(here, ignore_errors=True)
        os.makedirs(here)
        key = os.path.join(here, "cluster.key")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(os.urandom(32).hex())
        replicas = "".join(self.section(host, links) for host in hosts)
        for name, directory, key_path in (("here.toml", os.path.join(here, "made"), key),
                                          ("group.toml", DIRECTORY, os.path.join(DIRECTORY, "cluster.key"))):
            with open(os.path.join(here, name), "w", encoding="utf-8") as file:
                file.write(f'group = "lab"\n{links}directory = "{directory}"\ncapacity_bytes = {capacity_bytes}\n'
                           f'state_machine = "{state_machine}"\nidle = "{self.IDLE}"\n{TIMING}'
                           f'[credentials]\nkey_file = "{key_path}"\n{self.SECTIONS}{replicas}')
        made = subprocess.run([GAIOS, "bootstrap", "--config", os.path.join(here, "here.toml")], capture_output=True, text=True)
        self.assertEqual(0, made.returncode, made.stderr)
        for name in ("cluster.key", "group.toml"):
            shutil.copy(os.path.join(here, name), os.path.join(here, "made"))
        for host in hosts:
            self.place(host, ("group.id", f"replica-{host}.marker", "cluster.key", "group.toml"))
            self.run_in(host, "rm -f /run/results/load*")

    def place(self, host, names):
        """Gives a host these files of the group that was made last."""
        there = os.path.join(self.results[host], "made")
        shutil.rmtree(there, ignore_errors=True)
        os.makedirs(there)
        for name in names:
            shutil.copy(os.path.join(os.environ["GAIOS_LAB_DIR"], "group", "made", name), there)
        self.run_in(host, f"rm -rf {DIRECTORY}; cp -r /run/results/made {DIRECTORY}; chown -R 0:0 {DIRECTORY}; "
                          f"chmod 600 {DIRECTORY}/cluster.key")

    def section(self, host, links=ONE_PATH):
        """What a config says of the replica of a host."""
        return (f'[[replica]]\nid = {host}\naddress = "{ADDRESS.format(10 + host)}"\n' +
                (f'udp_address = "{UDP_ADDRESS.format(10 + host)}"\n' if links == TWO_PATHS else "") + self.more_of(host))

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

    def load(self, hosts, seconds=machines.BOUND_SECONDS, more="--mode closed"):
        """Clients of the replicas of these hosts, until end_of_load(), or for so long.

        Those in a closed loop take all that a guest's processor has to give; LIGHT leaves some to others.
        """
        for host in hosts:
            name = f"load{len(self.histories)}"
            self.histories.append(os.path.join(self.results[host], name + ".jsonl"))
            self.loads.append(self.begin(
                "run", "--timeout", seconds + machines.BOUND_SECONDS, host,
                f"exec {GAIOS} load --config {DIRECTORY}/group.toml --clients 2 --seconds {seconds} {more} "
                f"--history /run/results/{name}.jsonl --json /run/results/{name}.json"))

    def await_loads(self):
        """Waits until the clients that were told for how long they run have done so.

        Those on a follower's host may have reached nobody who takes their commands.
        """
        for process in self.loads:
            self.end(process)
        self.loads.clear()

    def await_acknowledged(self, host, name="commit"):
        """Waits until the replica of a host has got on from where it is."""
        before = self.replica(host)[name]
        self.wait(lambda: self.replica(host).get(name, 0) > before, f"host {host} gets on: {self.log(host)}")

    def end_of_load(self):
        """Ends the clients that run; what they were told is right. Returns how many commands were acknowledged to them."""
        for host in range(self.HOSTS):
            self.lab("run", host, "pkill -TERM -f '[g]aios load'")  # there may be none, or no host
        for process in self.loads:
            self.end(process)
        self.loads.clear()
        acknowledged = 0
        for path in self.histories[self.judged:]:
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
        self.judged = len(self.histories)
        self.assertGreater(acknowledged, 0)
        return acknowledged

    def lines(self):
        """Of each history, its lines. One that a lost host was to write may never have begun."""
        found = []
        for path in self.histories:
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    found.append(file.read().splitlines())
        return found

    def cut_rdma(self):
        """No RDMA passes between hosts any more, and all else does, until heal_rdma()."""
        for host in range(self.HOSTS - 1):
            self.assertEqual(0, self.lab("cut", host, "--port", RDMA_PORT)[0])

    def heal_rdma(self):
        for host in range(self.HOSTS):
            self.assertEqual(0, self.lab("heal", host, "--port", RDMA_PORT)[0])

    def await_paths(self, kind, leader=0):
        """Waits until a leader writes to all others by that path: `leader`, or another if there is one by then. Returns
        who it is, and what it says."""
        found = []

        def by_that_path():
            for host in [leader, *self.others(leader)]:
                said = self.replica(host)
                if said.get("role") == "leader" and not said["no_quorum"]:
                    found[:] = [host, said]
                    return all(link["state"] == "active" and link["path"] == kind for link in said["links"])
            return False
        self.wait(by_that_path, f"a leader whose links are {kind}")
        return found

    def others(self, host):
        return [other for other in range(self.HOSTS) if other != host]

    def kill_host_under_load(self, leader):
        """The leader's host dies; another leads, and what it acknowledges is kept. For others it is to be booted again."""
        self.load(range(self.HOSTS))
        self.await_acknowledged(leader)
        self.assertEqual(0, self.lab("kill", leader)[0])
        self.await_acknowledged(self.await_leader(self.others(leader)))
        self.end_of_load()
        self.assert_same_state(self.others(leader))

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

    def log_of(self, host, capacity_bytes):
        """Every byte of the ring of the replica of a host, over RDMA alone, as it is now."""
        self.run_in(host, f"python3 -c '{COPY_LOG}' {capacity_bytes} /run/results/log")
        with open(os.path.join(self.results[host], "log"), "rb") as file:
            return file.read()[:capacity_bytes]

    def assert_same_logs(self, hosts, capacity_bytes):
        """Byte for byte, from the first entry to the end of a ring that has not been filled. For a group at rest.

        A write that lands late does so where something else stands by then, or beyond the end.
        """
        logs = []

        def same():
            # What a leader appends by itself may come between two copies.
            logs[:] = [self.log_of(host, capacity_bytes) for host in hosts]
            return all(log == logs[0] for log in logs)
        self.wait(same, f"the logs of hosts {list(hosts)} are the same")
        commit = self.replica(hosts[0])["commit"]
        self.assertLess(commit, capacity_bytes, "the ring was filled, and what was first in it is gone")
        written = len(logs[0].rstrip(b"\0"))
        self.assertGreater(written, commit - 4096, "what was copied is the log: its last entry may end in zeros")
        return written
