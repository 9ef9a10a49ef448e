"""The initramfs of the guests: an archive in the format `newc` of cpio, made without help of other programs."""

import os
import shutil
import struct

from failure import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
GUEST = os.path.join(HERE, "guest")


class Archive:
    """Collects entries, each with its parents first."""

    def __init__(self):
        self._parts = []
        self._folders = set()

    def folder(self, name):
        if name and name not in self._folders:
            self.folder(os.path.dirname(name))
            self._folders.add(name)
            self._entry(name, 0o040755, b"")

    def file(self, name, content, mode=0o644):
        self.folder(os.path.dirname(name))
        self._entry(name, 0o100000 | mode, content)

    def bytes(self):
        self._entry("TRAILER!!!", 0, b"")
        return b"".join(self._parts)

    def _entry(self, name, mode, content):
        path = name.encode() + b"\0"
        fields = [len(self._parts) + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0]
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + path
        for part in (header, content):
            self._parts.append(part + bytes(-len(part) % 4))


def build(kernel, tree, hosts):
    """The bytes of an initramfs that loads the kernel's modules and shows `tree` to guests at its own path.

    `hosts` is the text of the guests' /etc/hosts.
    """
    archive = Archive()
    for name in ("proc", "sys", "dev", "guest"):
        archive.folder(name)
    archive.file("init", read(os.path.join(GUEST, "init")), 0o755)
    archive.file("bin/busybox", busybox(), 0o755)
    for module in kernel.modules:
        archive.file(f"modules/{os.path.basename(module)}", read(module))
    order = "".join(f"{os.path.basename(module)}\n" for module in kernel.modules)
    archive.file("modules/order", order.encode())
    for path in (os.path.join(GUEST, "start"), os.path.join(GUEST, "agent.py"), os.path.join(HERE, "wire.py"),
                 os.path.join(HERE, "loop.py")):
        archive.file(f"lab/{os.path.basename(path)}", read(path))
    archive.file("lab/tree", tree.encode())
    archive.file("lab/hosts", hosts.encode())
    return archive.bytes()


def busybox():
    path = shutil.which("busybox")
    content = read(path) if path else b""
    if not is_static(content):
        raise Failure("the lab needs a busybox that is static: run hw-config/lab/install")
    return content


def is_static(program):
    """Whether an ELF program of 64 bits starts without a loader: an initramfs has none."""
    if program[:5] != b"\x7fELF\x02":
        return False
    offset, = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    interpreter = 3
    return all(struct.unpack_from("<I", program, offset + number * size)[0] != interpreter for number in range(count))


def read(path):
    with open(path, "rb") as file:
        return file.read()
