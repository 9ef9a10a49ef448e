"""Memory: hugepages, and how much of it may be locked."""

import os

from tuning.changes import FileChange, NotHere, SysfsChange

HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
LIMITS = "/etc/security/limits.d/90-gaios.conf"


class Hugepages(SysfsChange):
    topic = "hugepages"

    def read(self):
        try:
            return super().read()
        except NotHere as error:
            raise NotHere("this kernel has no hugepages of 2 MiB") from error

    def good(self, value):
        return int(value) >= int(self.wanted)  # others may have asked for more


class Memlock(FileChange):
    topic = "memlock"
    later = "at the next login of that user; for a service of systemd set LimitMEMLOCK=infinity in its unit"


def hugepages(host, asked):
    if asked.hugepages is None:
        raise NotHere("say how many pages of 2 MiB with --hugepages N: enough for capacity_bytes of each replica on this host, and some more")
    return [Hugepages(host, HUGEPAGES, str(asked.hugepages),
                      "Logs in pages of 2 MiB: a NIC and a processor find them with fewer look-ups. Costs this much memory, "
                      "which nobody else can use.")]


def memlock(host, asked):
    if asked.user is None:
        raise NotHere("say whose processes with --user NAME: the user of the replicas; root needs none")
    directory = os.path.dirname(LIMITS)
    if not host.exists(directory):
        raise NotHere(f"the directory {directory} is not there: this host sets no limits by PAM")
    return [Memlock(host, LIMITS, f"{asked.user} - memlock unlimited\n",
                    "A NIC writes into memory that may not be moved, and registering it counts as locking it. Costs the "
                    "protection from a process of that user which locks too much.")]
