"""Stands in for QEMU where the command `lab` is tested, not a machine: the agent itself, on the port that QEMU gets.

$STAND_IN says what becomes of the boot: `boots`, `hangs`, `fails`, `has_no_device`.
"""

import os
import re
import signal
import sys

import paths  # noqa: F401  (finds the modules below)
import agent
from loop import Loop


def main():
    kind = os.environ.get("STAND_IN", "boots")
    port = int(re.search(r"socket,id=agent,fd=(\d+)", " ".join(sys.argv)).group(1))
    print("console of the stand-in", flush=True)
    if kind == "fails":
        sys.exit("the stand-in does not boot")
    if kind == "hangs":
        signal.pause()
    loop = Loop()
    served = agent.Agent(loop, port)
    device = None if kind == "has_no_device" else {"device": "rxe0", "gid_index": 1, "gid": "::"}
    served.send({"hello": {"kernel": "none", "rdma": device}})
    loop.run()


main()
