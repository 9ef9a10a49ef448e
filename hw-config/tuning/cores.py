"""Processors: who runs where, and how fast."""

import re

from tuning.changes import Failed, FileChange, NotHere, SysfsChange

CPUS = "/sys/devices/system/cpu"
GRUB = "/etc/default/grub.d/90-gaios.cfg"


def parse_list(text):
    """The numbers of a list such as 0,2-4."""
    numbers = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit() or int(last or first) < int(first):
            raise ValueError(f"{text!r} is no list of cores such as 2,4-6")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def show_list(numbers):
    parts, numbers = [], sorted(numbers)
    while numbers:
        last = 0
        while last + 1 < len(numbers) and numbers[last + 1] == numbers[last] + 1:
            last += 1
        parts.append(str(numbers[0]) if last == 0 else f"{numbers[0]}-{numbers[last]}")
        numbers = numbers[last + 1:]
    return ",".join(parts)


def online(host):
    text = host.read(f"{CPUS}/online")
    if text is None:
        raise NotHere(f"{CPUS}/online is not there")
    return parse_list(text)


def chosen(host, asked):
    """The cores that replicas get, and the others."""
    if asked.cores is None:
        raise NotHere("say which cores are for replicas with --cores LIST, such as 2,3")
    cores, there = asked.cores, online(host)
    if not cores <= there:
        raise NotHere(f"this host has cores {show_list(there)}, not {show_list(cores - there)}")
    if cores == there:
        raise NotHere(f"cores {show_list(cores)} are all that this host has: leave one for everybody else")
    return cores, there - cores


class Irq(SysfsChange):
    topic = "irq"

    def read(self):
        # As the kernel prints it after a write, whatever way it was written.
        return show_list(parse_list(super().read()))

    def write(self, value):
        try:
            super().write(value)
        except Failed as error:
            raise Failed(f"{error} (the kernel keeps some interrupts where they are)") from error


class Isolation(FileChange):
    topic = "isolation"
    later = "after update-grub and a reboot (and so does what revert gives back)"


class Governor(SysfsChange):
    topic = "governor"


def irq(host, asked):
    cores, others = chosen(host, asked)
    changes = []
    for number in sorted((n for n in host.list("/proc/irq") if n.isdigit()), key=int):
        name = f"/proc/irq/{number}/smp_affinity_list"
        change = Irq(host, name, show_list(others),
                     "Interrupts go to the other cores: one on a replica's core takes it away for microseconds. Costs the "
                     "other cores the work.")
        try:
            # Only those that may come to these cores; the others are as good as they are.
            if parse_list(change.read()) & cores:
                changes.append(change)
        except (NotHere, Failed, ValueError):
            continue
    if not changes:
        raise NotHere(f"no interrupt goes to cores {show_list(cores)}")
    return changes


def isolation(host, asked):
    cores, _ = chosen(host, asked)
    if not host.exists("/etc/default/grub.d"):
        raise NotHere("there is no /etc/default/grub.d; give the kernel isolcpus, nohz_full and rcu_nocbs for these cores "
                      "in the way of this host's boot loader")
    running = host.read("/proc/cmdline") or ""
    options = " ".join(f"{option}={show_list(cores)}" for option in ("isolcpus", "nohz_full", "rcu_nocbs"))
    note = "" if all(option in running.split() for option in options.split()) else " The running kernel does not have them."
    return [Isolation(host, GRUB, f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {options}"\n',
                      "The kernel puts nothing else on these cores: no process that is not pinned there, no timer tick. Costs "
                      "these cores to everybody else." + note)]


def governor(host, asked):
    del asked
    changes = [Governor(host, f"{CPUS}/{cpu}/cpufreq/scaling_governor", "performance",
                        "Cores run at full speed: one that was slowed down takes its time to speed up. Costs power and heat.")
               for cpu in host.list(CPUS)
               if re.fullmatch(r"cpu\d+", cpu) and host.exists(f"{CPUS}/{cpu}/cpufreq/scaling_governor")]
    if not changes:
        raise NotHere("the frequency is not in the hands of this kernel (as in most virtual machines)")
    return changes
