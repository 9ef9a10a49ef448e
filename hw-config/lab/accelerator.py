"""Which accelerator of QEMU the lab uses: KVM where a guest was seen to boot under it, else TCG.

/dev/kvm may be there and no guest get through its early boot, as within some virtual machines. So a boot is tried,
once for each boot of the host, kernel and QEMU; what came of it is kept in the cache.
"""

import json
import os
import selectors
import subprocess
import time

import qemu
from kernel import cache_directory

DEVICE = "/dev/kvm"
# A boot takes less than one second where KVM works.
TRIAL_SECONDS = 10
TRIAL_OUTPUT = b"lab: trial passed"


def choose(kernel, initramfs, say):
    """Returns `kvm` or `tcg`. $GAIOS_LAB_ACCELERATOR overrides."""
    asked = os.environ.get("GAIOS_LAB_ACCELERATOR")
    if asked:
        return asked
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return "tcg"
    path = os.path.join(cache_directory(), "kvm-trial.json")
    key = trial_key(kernel)
    try:
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
        if kept["key"] == key:
            return "kvm" if kept["works"] else "tcg"
    except (OSError, ValueError, KeyError, TypeError):
        pass
    say(f"trying whether a guest boots under KVM, for {TRIAL_SECONDS} s at most")
    works = trial(kernel, initramfs)
    say("it does" if works else "it does not: using TCG")
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump({"key": key, "works": works}, file)
    os.replace(f"{path}.new", path)
    return "kvm" if works else "tcg"


def trial_key(kernel):
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return [file.read().strip(), kernel.package, os.stat(qemu.program()).st_mtime]


def trial(kernel, initramfs):
    """Whether a guest reaches its first program under KVM within the bound. Leaves nothing running."""
    argv = qemu.command("kvm", kernel, initramfs, 256, "LAB_TRIAL=1")
    deadline = time.monotonic() + TRIAL_SECONDS
    output = b""
    process = qemu.start(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while TRIAL_OUTPUT not in output:
                if not selector.select(max(0, deadline - time.monotonic())):
                    return False
                data = os.read(process.stdout.fileno(), 4096)
                if not data:
                    return False
                output += data
        return True
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
