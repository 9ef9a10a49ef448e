"""The kernel of the lab's machines: Debian's own, fetched by package name and unpacked into a cache of the user.

    kernel.py [--refresh]

makes sure that it is there; --refresh fetches the newest. Nothing is installed on the host, and no root is needed.
The cache is $GAIOS_LAB_CACHE, by default ~/.cache/gaios-lab: a kernel is some 60 MB there.
"""

import fcntl
import glob
import gzip
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from typing import NamedTuple

from failure import Failure

# The package that depends on Debian's current kernel, whatever its version.
NEWEST = "linux-image-amd64"

# What the guests load, besides what these depend on. Soft-RoCE asks for "crc32" by a name that no module has.
MODULES = ["virtio_pci", "virtio_net", "virtio_console", "virtio_rng", "9p", "9pnet_virtio", "crc32_generic",
           "ib_uverbs", "rdma_ucm", "rdma_rxe"]


class Kernel(NamedTuple):
    """An unpacked kernel."""
    package: str   # linux-image-6.1.0-13-amd64
    image: str     # path of the program to boot
    modules: list  # paths, in the order in which they are to be loaded


def cache_directory():
    """Created when it is not there."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.environ.get("GAIOS_LAB_CACHE") or os.path.join(base, "gaios-lab")
    try:
        os.makedirs(path, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise PermissionError("not writable")
    except OSError as error:
        raise Failure(f"cannot keep the kernel in {path}: {error.strerror or error}; set GAIOS_LAB_CACHE") from error
    return path


def prepare(say, refresh=False):
    """Returns the Kernel of the cache, after fetching one when there is none."""
    cache = cache_directory()
    path = kept_at(cache)
    with open(os.path.join(cache, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two that start at once, one fetches
        if refresh or not os.path.exists(path):
            with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as scratch:
                unpacked = fetch(scratch, say)
                shutil.rmtree(path, ignore_errors=True)
                os.rename(unpacked, path)
    return load(path)


def kept_at(cache):
    """The directory of the kernel. Another list of modules is another directory."""
    wanted = hashlib.sha256(" ".join(MODULES).encode()).hexdigest()[:8]
    return os.path.join(cache, f"kernel-{wanted}")


def load(path):
    """The Kernel in a directory that fetch() has made."""
    def text(name):
        with open(os.path.join(path, name), encoding="utf-8") as file:
            return file.read().split()
    return Kernel(text("package")[0], os.path.join(path, text("image")[0]),
                  [os.path.join(path, name) for name in text("modules")])


def fetch(scratch, say):
    """Downloads and unpacks the newest kernel below `scratch`; returns the directory that load() reads."""
    package, archive = download(scratch, say)
    tree, result = os.path.join(scratch, "tree"), os.path.join(scratch, "result")
    os.mkdir(result)
    run(["dpkg", "-x", archive, tree])
    with open(only(os.path.join(tree, "boot", "vmlinuz-*")), "rb") as file:
        name, image = boot_image(file.read())
    with open(os.path.join(result, name), "wb") as file:
        file.write(image)
    names = []
    for module, content in load_order(os.path.join(tree, "lib", "modules"), MODULES):
        names.append(f"{module}.ko")
        with open(os.path.join(result, names[-1]), "wb") as file:
            file.write(content)
    for kind, words in (("package", [package]), ("image", [name]), ("modules", names)):
        with open(os.path.join(result, kind), "w", encoding="utf-8") as file:
            file.write("\n".join(words) + "\n")
    return result


def download(scratch, say):
    """Returns the name of the kernel's package and the path of its archive."""
    lists = os.path.join(scratch, "lists")
    for folder in ("state/lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(lists, folder))
    # Lists of the user's own, when the host's are missing or older than the archive. The user _apt could not
    # write here.
    own = ["-o", f"Dir::State={lists}/state", "-o", f"Dir::Cache={lists}/cache",
           "-o", "Dir::State::status=/var/lib/dpkg/status"]
    unconfined = ["-o", "APT::Sandbox::User=root"]
    for options in (unconfined, unconfined + own):
        try:
            if own[1] in options:
                say("refreshing package lists of the lab's own")
                run(["apt-get", *options, "-qq", "update"])
            shown = run(["apt-cache", *options, "show", "--no-all-versions", NEWEST])
            found = re.search(r"^Depends:.*?\b(linux-image-\d[^\s,]*)", shown, re.MULTILINE)
            if not found:
                raise Failure(f"apt does not know what {NEWEST} depends on; is this Debian on amd64?")
            package = found.group(1)
            say(f"fetching {package}, about 70 MB, for the virtual machines only")
            run(["apt-get", *options, "-qq", "-o", "Acquire::Retries=3", "download", package], cwd=scratch)
            return package, only(os.path.join(scratch, f"{package}_*.deb"))
        except Failure as failure:
            last = failure
    raise last


def run(command, cwd=None):
    try:
        done = subprocess.run(command, cwd=cwd, text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not there: the lab takes its kernel from Debian's archive") from error
    if done.returncode:
        raise Failure(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return done.stdout


def only(pattern):
    found = glob.glob(pattern)
    if len(found) != 1:
        raise Failure(f"expected one file {os.path.basename(pattern)} in the kernel's package, found {len(found)}")
    return found[0]


def boot_image(image):
    """Name and bytes of what to boot: the kernel taken out of a bzImage, so that no guest has to decompress it."""
    if image[0x202:0x206] != b"HdrS":
        raise Failure("the kernel's image is not a bzImage")
    sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image[start:start + length - 4]  # the length of the kernel follows it
    try:
        if payload.startswith(b"\xfd7zXZ"):
            unpacker = lzma.LZMADecompressor()
            unpacked = unpacker.decompress(payload)
            if unpacker.eof:
                return "vmlinux", unpacked
        if payload.startswith(b"\x1f\x8b"):
            return "vmlinux", gzip.decompress(payload)
    except (lzma.LZMAError, OSError, EOFError):
        pass
    return "vmlinuz", image  # boots as well, in twice the time


def load_order(tree, wanted):
    """[(name, content)] of modules and what they depend on, each after what it needs."""
    paths = {}
    for folder, _, files in os.walk(tree):
        for file in files:
            if file.endswith((".ko", ".ko.xz")):
                paths[file.split(".")[0].replace("-", "_")] = os.path.join(folder, file)
    order = {}

    def add(name):
        name = name.replace("-", "_")
        if name in order:
            return
        if name not in paths:
            raise Failure(f"the kernel has no module {name}")
        with open(paths[name], "rb") as file:
            content = file.read()
        if paths[name].endswith(".xz"):
            content = lzma.decompress(content)
        for needed in re.search(rb"\0depends=([^\0]*)\0", b"\0" + content).group(1).decode().split(","):
            if needed:
                add(needed)
        order[name] = content

    for name in wanted:
        add(name)
    return list(order.items())


def main():
    try:
        prepare(lambda text: print(text, file=sys.stderr), refresh="--refresh" in sys.argv[1:])
    except Failure as failure:
        sys.exit(f"hw-config/lab/kernel.py: {failure}")


if __name__ == "__main__":
    main()
