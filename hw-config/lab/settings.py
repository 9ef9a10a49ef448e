"""What the machines of a lab are started with, and how that is got ready."""

import os
import tempfile
from typing import NamedTuple

import accelerator
import initramfs
import kernel
import machine
import qemu


class Settings(NamedTuple):
    """Travels to the supervisor as JSON."""
    kernel: kernel.Kernel
    initramfs: str    # path
    accelerator: str  # of QEMU: kvm or tcg
    memory_mib: int   # of each machine
    tree: str         # the directory that guests see as it is at any moment, at the same path
    processors: int   # of each machine

    @staticmethod
    def of(values):
        """From what JSON makes of one."""
        return Settings(*values)._replace(kernel=kernel.Kernel(*values[0]))


def prepare(folder, hosts, memory_mib, tree, processors, say):
    """Gets all that is needed, the initramfs as a new file in `folder`, which the caller removes or renames."""
    qemu.program()
    initramfs.busybox()
    used = kernel.prepare(say)
    names = "127.0.0.1 localhost\n" + "".join(f"{machine.address(host)} host{host}\n" for host in range(hosts))
    descriptor, path = tempfile.mkstemp(dir=folder, prefix="initramfs-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(initramfs.build(used, tree, names))
        return Settings(used, path, accelerator.choose(used, path, say), memory_mib, tree, processors)
    except BaseException:
        os.remove(path)
        raise
