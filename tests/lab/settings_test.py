"""What the machines of the lab are started with: the kernel's image and modules, the initramfs, the accelerator."""

import gzip
import lzma
import os
import struct
import tempfile
import unittest
from unittest import mock

import paths  # noqa: F401  (finds the modules below)
import accelerator
import initramfs
import kernel
from failure import Failure

KERNEL = b"\x7fELF a kernel" * 50


def compressed_image(payload):
    """A bzImage around a compressed kernel: one sector of set-up, then 64 bytes, then the payload and its length."""
    sectors, offset = 1, 64
    payload += struct.pack("<I", len(KERNEL))
    image = bytearray((sectors + 1) * 512 + offset)
    image[0x1f1] = sectors
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", image, 0x248, offset, len(payload))
    return bytes(image) + payload + b"what follows"


class KernelTest(unittest.TestCase):
    def test_the_kernel_is_taken_out_of_its_image(self):
        for compress in (gzip.compress, lzma.compress):
            self.assertEqual(("vmlinux", KERNEL), kernel.boot_image(compressed_image(compress(KERNEL))))

    def test_an_image_that_cannot_be_opened_is_booted_as_it_is(self):
        for payload in (b"another compression", b"\x1f\x8bdamaged", lzma.compress(KERNEL)[:40]):
            image = compressed_image(payload)
            name, content = kernel.boot_image(image)
            self.assertEqual("vmlinuz", name)
            self.assertEqual(image, content)

    def test_what_is_no_kernel_is_refused(self):
        for wrong in (b"", bytes(4096)):
            with self.assertRaises(Failure):
                kernel.boot_image(wrong)

    def test_modules_come_after_what_they_need(self):
        with tempfile.TemporaryDirectory() as tree:
            folder = os.path.join(tree, "6.1", "kernel")
            os.makedirs(folder)
            for name, needs in (("top-one", b"mid_a,mid-b"), ("mid_a", b"base"), ("mid-b", b"base"), ("base", b""),
                                ("other", b"")):
                with open(os.path.join(folder, f"{name}.ko"), "wb") as file:
                    file.write(b"code\0license=GPL\0depends=" + needs + b"\0name=x\0")
            names = [name for name, _ in kernel.load_order(tree, ["top_one", "base"])]
            self.assertEqual(["base", "mid_a", "mid_b", "top_one"], names)
            with self.assertRaisesRegex(Failure, "no module missing"):
                kernel.load_order(tree, ["missing"])


class InitramfsTest(unittest.TestCase):
    @staticmethod
    def entries(archive):
        """{name: (mode, content)}, in the order of the archive, read by the description of `newc` in cpio(5)."""
        found, at = {}, 0
        while True:
            assert archive[at:at + 6] == b"070701"
            fields = [int(archive[at + 6 + 8 * number:at + 14 + 8 * number], 16) for number in range(13)]
            mode, size, name_size = fields[1], fields[6], fields[11]
            name = archive[at + 110:at + 110 + name_size - 1].decode()
            at = (at + 110 + name_size + 3) & ~3
            if name == "TRAILER!!!":
                return found
            found[name] = (mode, archive[at:at + size])
            at = (at + size + 3) & ~3

    def test_files_follow_their_folders(self):
        archive = initramfs.Archive()
        archive.file("init", b"#!", 0o755)
        for size in range(1, 6):
            archive.file(f"a/b/{'c' * size}", b"x" * size)
        entries = self.entries(archive.bytes())
        self.assertEqual(["init", "a", "a/b"], list(entries)[:3])
        self.assertEqual((0o100755, b"#!"), entries["init"])
        self.assertEqual((0o040755, b""), entries["a/b"])
        for size in range(1, 6):
            self.assertEqual((0o100644, b"x" * size), entries[f"a/b/{'c' * size}"])

    def test_a_program_with_a_loader_is_told(self):
        header = bytearray(b"\x7fELF\x02\x01\x01" + bytes(57))
        self.assertTrue(initramfs.is_static(bytes(header)))
        struct.pack_into("<Q", header, 32, 64)
        struct.pack_into("<HH", header, 54, 56, 1)
        for kind, static in ((1, True), (3, False)):
            self.assertEqual(static, initramfs.is_static(bytes(header) + struct.pack("<I", kind) + bytes(52)))
        self.assertFalse(initramfs.is_static(b"#!/bin/sh"))
        self.assertFalse(initramfs.is_static(b""))


class AcceleratorTest(unittest.TestCase):
    KERNEL = kernel.Kernel("linux-image-none", "vmlinux", [])

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.tried = os.path.join(self.folder.name, "tried")
        device = os.path.join(self.folder.name, "kvm")
        with open(device, "w", encoding="utf-8"):
            pass
        for patch in (mock.patch.object(accelerator, "DEVICE", device),
                      mock.patch.object(accelerator, "TRIAL_SECONDS", 2),
                      mock.patch.dict(os.environ, PATH=f"{self.folder.name}:/usr/bin:/bin",
                                      GAIOS_LAB_CACHE=self.folder.name)):
            patch.start()
            self.addCleanup(patch.stop)
        os.environ.pop("GAIOS_LAB_ACCELERATOR", None)

    def choose(self, script):
        """What is chosen when QEMU does this, and how often that was tried so far."""
        path = os.path.join(self.folder.name, "qemu-system-x86_64")
        if not os.path.exists(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\necho >>'{self.tried}'\n{script}\n")
            os.chmod(path, 0o755)
        chosen = accelerator.choose(self.KERNEL, "initramfs", lambda text: None)
        with open(self.tried, encoding="utf-8") as file:
            return chosen, len(file.readlines())

    def test_a_guest_that_boots(self):
        self.assertEqual(("kvm", 1), self.choose("echo 'lab: trial passed'; exec sleep 1000"))
        self.assertEqual(("kvm", 1), self.choose(""))  # known by now

    def test_a_guest_that_hangs(self):
        process = os.path.join(self.folder.name, "process")
        self.assertEqual(("tcg", 1), self.choose(f"echo $$ >'{process}'; echo booting; exec sleep 1000"))
        self.assertEqual(("tcg", 1), self.choose(""))
        with open(process, encoding="ascii") as file:
            self.assertFalse(os.path.exists(f"/proc/{file.read().strip()}"))

    def test_a_qemu_that_gives_up(self):
        self.assertEqual(("tcg", 1), self.choose("exit 1"))

    def test_without_a_device_nothing_is_tried(self):
        os.remove(accelerator.DEVICE)
        self.assertEqual("tcg", accelerator.choose(self.KERNEL, "initramfs", self.fail))

    def test_what_was_kept_and_makes_no_sense_is_tried_again(self):
        with open(os.path.join(self.folder.name, "kvm-trial.json"), "w", encoding="utf-8") as file:
            file.write("[]")
        self.assertEqual(("tcg", 1), self.choose("exit 1"))


if __name__ == "__main__":
    unittest.main()
