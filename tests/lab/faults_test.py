"""A group on three hosts whose bootstrap ports strangers come to, whose ports go down, and one that runs an order book.

All of it under load, and judged as in group.py.
"""

import group
import machines

# Connections to the port of a replica that are no replicas', so many of each kind: garbage, nothing at all, the
# beginning of TLS a byte at a time, such that go again at once, the greeting of one that has another key, and that of
# one that has the right one, said again. Those that are kept are kept until the replica closes them. Prints how many it
# has closed.
KINDS = ("garbage", "nothing", "slow", "gone", "wrong key", "replay")
STRANGERS = r'''
import os, select, socket, subprocess, sys, time
target, of_each, key = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3]), open(sys.argv[4]).read().strip()
kept, slow, greeted = [], [], {}
answers = {"wrong key": [], "replay": []}  # the kind of record that each was sent first, of those that were sent any
def greeting(of_key):
    """The first record that who has that key sends over TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dialler = subprocess.Popen(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % listener.getsockname()[1], "-tls1_3",
             "-ciphersuites", "TLS_AES_128_GCM_SHA256", "-psk_identity", "gaios-bootstrap-1", "-psk", of_key],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        listener.settimeout(30)
        heard = listener.accept()[0]
        heard.settimeout(30)
        record = b""
        while len(record) < 5 or len(record) < 5 + int.from_bytes(record[3:5], "big"):
            more = heard.recv(65536)
            if not more:
                sys.exit("openssl says no greeting")
            record += more
        heard.close()
        dialler.wait(30)
    return record
greetings = {"wrong key": greeting(os.urandom(32).hex()), "replay": greeting(key)}
def connect():
    try:
        return socket.create_connection(target, timeout=30)
    except OSError:
        return None
for number in range(of_each):
    for kind in ("garbage", "nothing", "slow", "gone", "wrong key", "replay"):
        stranger = connect()
        if stranger is None:
            continue
        stranger.setblocking(False)
        try:
            if kind == "garbage":
                stranger.send(os.urandom(4096))
            if kind in greetings:
                stranger.send(greetings[kind])
                greeted[stranger] = kind
            if kind == "slow":
                slow.append(stranger)
            if kind == "gone":
                stranger.close()
            else:
                kept.append(stranger)
        except OSError:
            kept.append(stranger)
hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
closed, sent, deadline = 0, 0, time.monotonic() + 120
while kept and time.monotonic() < deadline:
    for stranger in slow:
        try:
            stranger.send(hello[sent:sent + 1])
        except OSError:
            pass
    sent += 1
    for stranger in select.select(kept, [], [], 0.2)[0]:
        try:
            heard = stranger.recv(4096)
            if heard and stranger in greeted:
                answers[greeted.pop(stranger)].append(heard[0])
            gone = not heard
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        if gone:
            closed += 1
            kept.remove(stranger)
            slow = [each for each in slow if each is not stranger]
print(closed, "closed", len(kept), "left", answers)
HANDSHAKE = 22
if not answers["replay"] or set(answers["replay"]) != {HANDSHAKE} or HANDSHAKE in answers["wrong key"]:
    sys.exit("the right key is not told from a wrong one: " + str(answers))
sys.exit(1 if kept else 0)
'''


class FaultsTest(group.GroupLab):
    MEMORY_MIB = 1024  # for the order book

    def test_strangers_by_the_hundred_disturb_no_group(self):
        of_each = 100
        leader = self.make_group()
        self.load(range(self.HOSTS))
        self.await_acknowledged(leader)
        before = self.replica(leader)["transport_counters"]
        strangers = [self.begin("run", "--timeout", machines.BOUND_SECONDS, host, "python3", "-c", STRANGERS,
                                group.ADDRESS.format(10 + leader).split(":")[0], 7400, of_each, f"{group.DIRECTORY}/cluster.key")
                     for host in self.others(leader)]
        commits = 0
        while any(each.poll() is None for each in strangers):
            self.await_acknowledged(self.await_leader(range(self.HOSTS)))
            commits += 1
        self.assert_good(*strangers)
        self.assertGreater(commits, 0)
        after = self.replica(leader)["transport_counters"]
        print({name: after[name] - before[name] for name in after if after[name] != before[name]}, flush=True)
        self.assertGreaterEqual(after["connections_accepted"] - before["connections_accepted"], 2 * len(KINDS) * of_each)
        self.assertGreater(after["refused_by_us"], before["refused_by_us"], "one whose key is another is told apart")
        self.assertEqual(after["peers_up"], before["peers_up"], "nobody comes in by a greeting that was said before")
        for kind in ("strangers_garbage", "strangers_gone"):
            self.assertGreater(after[kind], before[kind])
        self.assertGreater(after["strangers_slow"] + after["strangers_crowded"],
                           before["strangers_slow"] + before["strangers_crowded"])
        self.await_acknowledged(self.await_leader(range(self.HOSTS)))
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))

    def test_a_port_that_goes_down_and_up_again(self):
        leader = self.make_group()
        for down in (self.others(leader)[0], leader):
            with self.subTest("the leader's" if down == leader else "a follower's"):
                self.load(range(self.HOSTS))
                self.await_acknowledged(self.await_leader(range(self.HOSTS)))
                self.run_in(down, "ip link set eth0 down; rdma link show rxe0/1")
                self.await_acknowledged(self.await_leader(self.others(down)))
                self.run_in(down, "ip link set eth0 up")
                self.end_of_load()
                self.assert_same_state(range(self.HOSTS))

    def test_an_order_book_whose_leaders_host_dies(self):
        leader = self.make_group(capacity_bytes=1 << 22, state_machine="order-book")
        self.kill_host_under_load(leader)


if __name__ == "__main__":
    machines.main()
