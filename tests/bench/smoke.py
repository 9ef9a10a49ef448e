"""Runs one benchmark of gaios-bench on a small scale and looks at the shape of its report, never at its figures."""

import json
import os
import subprocess
import sys
import tempfile

SKIPPED = 77
SMALL = ["--seconds", "0.2", "--blocks", "2"]
COMMANDS = {
    "commit": ["commit", "--capacity", "1048576", *SMALL],
    "commit_open": ["commit", "--mode", "open", "--rate", "20000", "--capacity", "1048576", *SMALL],
    "commit_dpdk": ["commit", "--transport", "udp-dpdk", "--block-commits", "500", "--blocks", "2"],
    "commit_udp": ["commit", "--transport", "udp-socket", "--block-commits", "500", "--blocks", "2"],
    "commit_two_paths": ["commit", "--transport", "udp-socket", "--two-paths", "--block-commits", "500", "--blocks", "2"],
    "throughput": ["throughput", "--capacity", "1048576", *SMALL],
    "throughput_sessions": ["throughput", "--sessions", "--capacity", "1048576", *SMALL],
    "throughput_udp": ["throughput", "--transport", "udp-socket", "--block-commits", "20000", "--blocks", "2"],
    "loss": ["loss", "--transport", "udp-socket", "--block-commits", "20000", "--blocks", "2"],
    "encryption": ["encryption", "--transport", "udp-socket", "--block-commits", "20000", "--blocks", "2"],
    "flood": ["flood", "--transport", "udp-socket", "--rate", "20000", "--block-commits", "20000", "--blocks", "3"],
    "network": ["network", "--block-commits", "200", "--blocks", "2"],
    "failover_udp": ["failover", "--transport", "udp-socket", "--trials", "1", "--capacity", "1048576"],
    "failover": ["failover", "--trials", "2", "--capacity", "1048576"],
    "failover_silent": ["failover", "--silent", "--trials", "1", "--capacity", "1048576"],
    "book": ["book", "--seconds", "0.01", "--blocks", "1", "--resting", "20000"],
    "catchup": ["catchup", "--seconds", "0.05", "--blocks", "2", "--trials", "3", "--capacity", "16777216", "--rest-ms", "20"],
    "catchup_udp": ["catchup", "--transport", "udp-socket", "--blocks", "2", "--block-commits", "200", "--capacity", "16777216"],
    "hand_over": ["hand-over", "--trials", "3", "--capacity", "16777216", "--rest-ms", "20"],
    "hand_over_udp": ["hand-over", "--transport", "udp-socket", "--trials", "3", "--capacity", "1048576", "--rest-ms", "20"],
    "snapshot": ["snapshot", "--block-commits", "200", "--blocks", "2", "--capacity", "1048576", "--state-bytes", "1048576"],
    "idle": ["idle", "--seconds", "0.2", "--capacity", "1048576"],
}
ENVIRONMENT = {"cpu", "cores", "kernel", "governor", "compiler", "commit_id", "load"}


def run(program, arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def expect(condition, text):
    if not condition:
        sys.exit(f"does not hold: {text}")


def check_refusals(program, cases):
    for arguments, word in cases:
        done = run(program, arguments)
        expect(done.returncode == 2, f"{arguments} exits with 2, not {done.returncode}")
        expect(word in done.stderr, f"{arguments} says {word!r}: {done.stderr}")


def check_hosts(program):
    """Of a group on several hosts, what can be refused without them."""
    verbs = ["--transport", "verbs", "--config"]
    if "knows no RDMA device" in run(program, ["commit", *verbs, "/no/such.toml"]).stderr:
        return  # a build without it
    with tempfile.TemporaryDirectory() as directory:
        shm, two = (os.path.join(directory, name) for name in ("shm.toml", "two.toml"))
        with open(shm, "w", encoding="ascii") as file:
            file.write('group = "g"\ndirectory = "/dev/shm"\ntransport = "shm"\nstate_machine = "counter"\n' +
                       "".join(f"[[replica]]\nid = {replica}\n" for replica in range(3)))
        with open(two, "w", encoding="ascii") as file:
            file.write('group = "g"\ndirectory = "/dev/shm"\ntransport = "verbs"\nstate_machine = "counter"\n'
                       '[credentials]\nkey_file = "/no/such.key"\n'
                       '[[replica]]\nid = 0\naddress = "10.0.0.1:7400"\n[[replica]]\nid = 1\naddress = "10.0.0.2:7400"\n')
        check_refusals(program, [
            (["commit", *verbs, "/no/such.toml"], "/no/such.toml"),
            (["commit", *verbs, shm], "over RDMA alone"),
            (["throughput", *verbs, two], "at least three"),
            (["commit", *verbs, two, "--id", "2"], "--id 2"),
            (["failover", *verbs, two], "commit and throughput"),
            (["commit", "--config", two], "--transport verbs"),
            (["commit", *verbs, two, "--replicas", "5"], "--replicas"),
            (["commit", "--transport", "verbs", "--id", "1"], "--config"),
        ])


def check_hand_over(hand_over, messages):
    expect(hand_over["hand_overs"] == 3 and hand_over["gap_us"]["min"] > 0, "hand-overs")
    expect(hand_over["unknown"] == 0 and hand_over["failed"] == 0, "nothing failed or became unknown")
    expect(hand_over["round_trip_ns"] > 0 and hand_over["rare_round_trip_ns"] > 0, "round trips")
    expect(("message_round_trip_ns" in hand_over) == messages, "sockets of the system are beside shared memory")
    expect(hand_over["gap_us"]["min"] >= hand_over["recover_us"]["min"], "a gap holds its parts")


def check_shape(name, report):
    expect(ENVIRONMENT <= set(report["env"]), "env is complete")
    if name.startswith("commit"):
        for side in ("product", "floor"):
            expect({"p50_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "max_ns", "per_second"} <= set(report[side]), side)
            expect(report[side]["commands"] > 0, f"{side} has run commands")
        expect({"median", "min", "max"} == set(report["ratio"]), "ratio")
        expect("own_cost_ns" in report and "own_instructions" in report and report["blocks"] == 2, "own cost")
    elif name.startswith("throughput"):
        expect(report["product"]["per_second"] > 0 and report["floor"]["per_second"] > 0, "rates")
        expect(name == "throughput_udp" or report["ring_wraps_a_block"] >= 10, "wraps")
        expect((report["sessions"] > 0) == (name == "throughput_sessions"), "sessions")
    elif name == "loss":
        for side in ("lossless", "lossy"):
            expect(report["commit"][side]["commands"] > 0, side)
            expect(report["throughput"][side]["per_second"] > 0, side)
        expect(report["throughput"]["leader_under_loss"]["known_to_be_lost"] > 0, "datagrams were lost")
        expect(report["throughput"]["ratio"]["min"] > 0, "ratio")
    elif name == "encryption":
        for what in ("commit_p50_ns", "throughput_per_second"):
            for side in ("mac", "encrypted", "floor"):
                expect(report[what][side]["min"] > 0, f"{what} {side}")
            expect(report[what]["encrypted_of_mac"]["min"] > 0, what)
    elif name == "flood":
        # Only root may forge.
        forged = ("leader_forged_short", "leader_forged_long") if report["forged"] else ()
        expect(report["forged"] or os.geteuid() != 0, "root forges")
        for aim in ("without", "elsewhere", "leader", *forged):
            expect(report[aim]["commit_p50_ns"]["min"] > 0 and report[aim]["throughput_per_second"]["min"] > 0, aim)
        expect(report["without"]["flood_per_second"] == 0, "without")
        expect(report["leader_dropped"]["foreign"] > 0, "those of another group were dropped")
        expect(report["leader_dropped"]["forged"] > 0 or not forged, "those with a wrong seal were dropped")
        for aim in ("elsewhere", "leader", *forged):
            expect(report[aim]["flood_per_second"] > 0, aim)
    elif name == "network":
        expect(report["product"]["commands"] > 0 and report["floor"]["commands"] > 0, "commands")
        expect(report["ratio"]["min"] > 0, "ratio")
    elif name in ("failover", "failover_silent", "failover_udp"):
        expect({"detect", "fence", "recover", "first_commit", "total"} == set(report["failover_us"]), "failover_us")
        silent = name == "failover_silent"
        expect(report["death"] == ("silent" if silent else "killed"), "death")
        expect(("process_gone_us" in report) != silent, "a process that is only stopped is not gone")
        expect(report["agree_us"]["min"] >= 0, "agree_us")
    elif name == "book":
        for flow in report["flows"]:
            expect(flow["messages"] > 0 and flow["orders_per_second"]["median"] > 0, flow["flow"])
    elif name in ("catchup", "catchup_udp"):
        for side in ("with", "without"):
            expect(report["commit"][side]["blocks"] == 2 and report["commit"][side]["commands"] > 0, side)
        expect(report["commit"]["fills"] >= 1 and report["commit"]["p50_ratio"] > 0, "fills")
        fill = report["fill"]
        expect(fill["bytes"] >= 16777216 * 3 // 4, "three quarters of a ring are filled")
        expect(fill["floor"]["bytes_per_second"]["min"] > 0 and fill["product"]["bytes_per_second"]["min"] > 0, "fill")
        expect(("hand_over" in report) == (name == "catchup"), "hand-overs are of shared memory")
        if name == "catchup_udp":
            return
        check_hand_over(report["hand_over"], True)
    elif name in ("hand_over", "hand_over_udp"):
        check_hand_over(report["hand_over"], name == "hand_over")
        expect(report["ratio"]["min"] > 0 and report["floor"]["round_trip_ns"] > 0, "ratio and floor")
    elif name == "snapshot":
        expect({"follower_fork", "follower_own", "leader_fork", "leader_own"} == set(report["commit"]), "who takes it, and how")
        for taken in report["commit"].values():
            expect(taken["snapshots"] >= 1 and taken["p50_ratio"] > 0, "snapshots were taken")
            for side in ("with", "without"):
                expect(taken[side]["blocks"] == 2 and taken[side]["commands"] > 0, side)
        stream = report["stream"]
        expect(stream["floor"]["bytes_per_second"]["min"] > 0 and stream["product"]["bytes_per_second"]["min"] > 0, "stream")
    elif name == "idle":
        expect(report["follower_core_percent"]["max"] > 0, "an idle follower polls")


def main():
    program, name = sys.argv[1:]
    if name == "usage":
        check_refusals(program, [
            ([], "subcommand"),
            (["commit", "--no-such-flag"], "--no-such-flag"),
            (["commit", "--transport", "carrier-pigeon"], "shm, verbs, udp-socket and udp-dpdk"),
            (["commit", "--transport", "udp-dpdk", "--device", "net_tap"], "net_af_packet or net_af_xdp"),
            (["commit", "--transport", "udp-socket", "--device", "net_af_packet"], "verbs and udp-dpdk"),
            (["commit", "--transport", "verbs", "--device", "no-such-device"], "RDMA device"),
            (["throughput", "--transport", "verbs", "--device", "no-such-device"], "RDMA device"),
            (["failover", "--transport", "verbs", "--device", "no-such-device"], "RDMA device"),
            (["loss"], "udp-socket or udp-dpdk"),
            (["loss", "--transport", "udp-socket", "--loss-percent", "60"], "--loss-percent"),
            (["network", "--transport", "udp-dpdk"], "not measured with --transport udp-dpdk"),
            (["commit", "--two-paths"], "udp-socket"),
            (["throughput", "--transport", "udp-socket", "--two-paths"], "commit"),
            (["commit", "--device", "no-such-device"], "the other transports"),
            (["commit", "--transport", "udp-socket", "--payload", "9000"], "--payload"),
            (["commit", "--capacity", "100000"], "power of two"),
            (["commit", "--idle", "doze"], "doze"),
            (["failover", "--replicas", "1"], "at least 3"),
            (["catchup", "--replicas", "2"], "at least 3"),
            (["snapshot", "--replicas", "1"], "at least 2"),
            (["hand-over", "--replicas", "2"], "at least 3"),
            (["hand-over", "--transport", "udp-dpdk"], "not measured with --transport udp-dpdk"),
            (["hand-over", "--transport", "verbs", "--device", "no-such-device"], "RDMA device"),
            (["hand-over", "--transport", "udp-socket", "--idle", "block"], "block"),
            (["snapshot", "--transport", "verbs"], "not measured with --transport verbs"),
            (["catchup", "--transport", "verbs"], "not measured with --transport verbs"),
        ])
        check_hosts(program)
        return
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "report.json")
        arguments = [*COMMANDS[name], "--json", path]
        if name == "commit":
            arguments += ["--hgrm", os.path.join(directory, "latencies.hgrm")]
        done = run(program, arguments)
        if name == "commit_dpdk" and done.returncode == 2:
            print(done.stderr)
            sys.exit(SKIPPED)  # no network of its own here
        expect(done.returncode == 0, f"{arguments} exits with 0, not {done.returncode}: {done.stderr}")
        with open(path, encoding="utf-8") as file:
            check_shape(name, json.load(file))
        if name == "commit":
            with open(os.path.join(directory, "latencies.hgrm"), encoding="utf-8") as file:
                expect("Percentile" in file.read(), "the .hgrm file has its header")


main()
