"""How a QEMU of the lab is started: its command line, and that none outlives who started it."""

import ctypes
import os
import shutil
import signal
import subprocess

from failure import Failure

PROGRAM = "qemu-system-x86_64"
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def program():
    path = shutil.which(PROGRAM)
    if not path:
        raise Failure(f"the lab needs {PROGRAM}: run hw-config/lab/install")
    return path


def quoted(path):
    """A path within an option of QEMU."""
    return path.replace(",", ",,")


def command(accelerator, kernel, initramfs, memory_mib, arguments, processors=1):
    """The command line of a machine without any device but its console, on standard output.

    One virtual processor but for benches: with two, a queue pair of Soft-RoCE can be left dead by a reset. Without `erms`: the kernel
    would copy by `rep movsb`, and under TCG a word of 8 bytes written by RDMA was seen half old and half new. Without
    a check of the timer: on a busy host it comes too late, and the kernel gives up.
    """
    if accelerator == "tcg":
        accelerator, processor = "tcg,thread=multi", "max"
    else:
        processor = "host,-arch-capabilities"  # QEMU gives up where it cannot set these, as within virtual machines
    return [program(), "-M", "q35", "-accel", accelerator, "-cpu", f"{processor},-erms", "-smp", str(processors),
            "-m", str(memory_mib), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-serial", "stdio", "-kernel", kernel.image, "-initrd", initramfs, "-append",
            f"quiet console=ttyS0 panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check {arguments}"]


def start(argv, descriptors=(), **files):
    """Starts it with the descriptors open; it is killed when this process ends, however that ends."""
    parent = os.getpid()

    def follow():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)

    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=descriptors, preexec_fn=follow,
                            start_new_session=True, **files)
