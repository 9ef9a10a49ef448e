"""The NIC: what matters to RDMA on ConnectX (mlx5), by RoCE or InfiniBand."""

import os
import re

from tuning.changes import Change, Failed, NotHere, SysfsChange

# The class of traffic that is Gaios's: `traffic_class = 106` of a config is this DSCP and says ECN-capable.
DSCP = 26
PRIORITY = 3


class Nic:
    """What sysfs says of the device that was asked for: a network interface (eth2) or an RDMA device (mlx5_0)."""

    def __init__(self, host, asked):
        if asked.device is None:
            raise NotHere("say which NIC with --device NAME: a network interface such as eth2, or an RDMA device such as "
                          "mlx5_0")
        self.host = host
        name = asked.device
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name.startswith("."):
            raise NotHere(f"{name} is no name of a device")
        net, rdma = f"/sys/class/net/{name}", f"/sys/class/infiniband/{name}"
        if host.exists(rdma):
            self.rdma = name
            interfaces = host.list(f"{rdma}/device/net")
            self.interface = interfaces[0] if interfaces else None
            self.home = f"{rdma}/device"
        elif host.exists(net):
            self.interface = name
            devices = host.list(f"{net}/device/infiniband")
            self.rdma = devices[0] if devices else None
            self.home = f"{net}/device"
        else:
            there = host.list("/sys/class/net") + host.list("/sys/class/infiniband")
            raise NotHere(f"there is no NIC {name}; this host has {', '.join(there) or 'none'}")

    def driver(self):
        driver = self.host.path(f"{self.home}/driver")
        return os.path.basename(os.path.realpath(driver)) if os.path.exists(driver) else "none"

    def address(self):
        """On the PCI bus."""
        return os.path.basename(os.path.realpath(self.host.path(self.home)))

    def need_interface(self):
        if self.interface is None:
            raise NotHere(f"{self.rdma} has no network interface")
        return self.interface

    def need_mlx5(self):
        if not self.driver().startswith("mlx5"):
            raise NotHere(f"this is for mlx5; the driver of {self.interface or self.rdma} is {self.driver()}")

    def need_ethernet(self):
        if self.rdma is not None:
            layer = (self.host.read(f"/sys/class/infiniband/{self.rdma}/ports/1/link_layer") or "Ethernet").strip()
            if layer != "Ethernet":
                raise NotHere(f"{self.rdma} is on {layer}, where credits keep packets from being lost: nothing to do")
        return self.need_interface()


class Mtu(SysfsChange):
    topic = "mtu"

    def good(self, value):
        return int(value) >= int(self.wanted)  # 9000 is as good


class PrivateFlag(Change):
    """A flag of the driver's own, by ethtool: on or off."""

    topic = "cqe-compression"

    def __init__(self, host, interface, flag, wanted, why):
        super().__init__(host, f"ethtool {interface} {flag}", wanted, why)
        self.interface, self.flag = interface, flag

    def read(self):
        shown = self.host.run("ethtool", "--show-priv-flags", self.interface)
        found = re.search(rf"^{re.escape(self.flag)}\s*:\s*(on|off)\s*$", shown, re.MULTILINE)
        if found is None:
            raise NotHere(f"the driver of {self.interface} has no flag {self.flag}")
        return found[1]

    def write(self, value):
        self.host.run("ethtool", "--set-priv-flags", self.interface, self.flag, value)


class Firmware(Change):
    """A setting in the NIC's memory, by mstconfig of the package mstflint."""

    later = "after a reboot, or a reset of the firmware (mstfwreset)"

    def __init__(self, host, topic, address, name, wanted, why):
        super().__init__(host, f"mstconfig {address} {name}", wanted, why)
        self.topic, self.address, self.name = topic, address, name

    def read(self):
        shown = self.host.run("mstconfig", "-d", self.address, "query", self.name)
        found = re.search(rf"^\s*{self.name}\s+\S*\((\d+)\)\s*$", shown, re.MULTILINE)
        if found is None:
            raise NotHere(f"the firmware at {self.address} has no {self.name}")
        return found[1]

    def write(self, value):
        self.host.run("mstconfig", "-y", "-d", self.address, "set", f"{self.name}={value}")


class Pfc(Change):
    topic = "pfc"

    def __init__(self, host, interface, why):
        super().__init__(host, f"dcb {interface} prio-pfc {PRIORITY}", "on", why)
        self.interface = interface

    def read(self):
        shown = self.host.run("dcb", "pfc", "show", "dev", self.interface)
        found = re.search(rf"^prio-pfc\s.*\b{PRIORITY}:(on|off)\b", shown, re.MULTILINE)
        if found is None:
            raise NotHere(f"{self.interface} has no priority flow control")
        return found[1]

    def write(self, value):
        self.host.run("dcb", "pfc", "set", "dev", self.interface, "prio-pfc", f"{PRIORITY}:{value}")


class Dscp(Change):
    """Which priorities packets with the DSCP get: 'none' or numbers such as '3'."""

    topic = "dscp"

    def __init__(self, host, interface, why):
        super().__init__(host, f"dcb {interface} dscp-prio {DSCP}", str(PRIORITY), why)
        self.interface = interface

    def read(self):
        # Named code points are shown as numbers with -N.
        shown = self.host.run("dcb", "-N", "app", "show", "dev", self.interface, "dscp-prio")
        return " ".join(sorted(re.findall(rf"\b{DSCP}:(\d)\b", shown))) or "none"

    def write(self, value):
        wanted = set() if value == "none" else set(value.split())
        present = self.read()
        present = set() if present == "none" else set(present.split())
        for verb, priorities in (("add", wanted - present), ("del", present - wanted)):
            for priority in sorted(priorities):
                self.host.run("dcb", "app", verb, "dev", self.interface, "dscp-prio", f"{DSCP}:{priority}")


class Ecn(SysfsChange):
    topic = "ecn"


def mtu(host, asked):
    nic = Nic(host, asked)
    interface = nic.need_ethernet()
    return [Mtu(host, f"/sys/class/net/{interface}/mtu", str(asked.mtu),
                "Packets of 4096 bytes of RDMA need 4200 of Ethernet: fewer of them for the same bytes. Costs care: every "
                "switch and host on the way must take them, or large packets are lost.")]


def cqe_compression(host, asked):
    nic = Nic(host, asked)
    nic.need_mlx5()
    changes = [Firmware(host, "cqe-compression", nic.address(), "CQE_COMPRESSION", "0",
                        "Completions are written one by one (BALANCED), not gathered first: a commit waits for one. Costs "
                        "some bandwidth of the bus with very many small messages.")]
    if nic.interface is not None:
        changes.append(PrivateFlag(host, nic.interface, "rx_cqe_compress", "off",
                                   "The same for packets of the kernel and of DPDK. Costs the same."))
    return changes


def relaxed_ordering(host, asked):
    nic = Nic(host, asked)
    nic.need_mlx5()
    return [Firmware(host, "relaxed-ordering", nic.address(), "PCI_WR_ORDERING", "0",
                     "Writes overtake each other in the host only in memory whose owner has asked for it (per_mkey). Gaios "
                     "asks for it nowhere. Costs others on this NIC the bandwidth that forcing it has given them.")]


def pfc(host, asked):
    nic = Nic(host, asked)
    interface = nic.need_ethernet()
    return [Pfc(host, interface,
                f"Priority {PRIORITY} is paused rather than dropped when a buffer is full: RDMA takes long to recover from a "
                "loss. Costs the danger that a pause spreads: the switches must have it on this priority, and on no other.")]


def dscp(host, asked):
    nic = Nic(host, asked)
    interface = nic.need_ethernet()
    return [Dscp(host, interface,
                 f"Packets marked DSCP {DSCP} (traffic_class = 106 in a config) are of priority {PRIORITY}. Costs nothing where "
                 "nobody else uses the mark.")]


def ecn(host, asked):
    nic = Nic(host, asked)
    interface = nic.need_ethernet()
    nic.need_mlx5()
    names = [f"/sys/class/net/{interface}/ecn/{side}/enable/{PRIORITY}" for side in ("roce_np", "roce_rp")]
    if not any(host.exists(name) for name in names):
        raise NotHere("this driver does not show ECN (only that of the vendor does); see what the firmware does with "
                      f"mstconfig -d {nic.address()} query ROCE_CC_PRIO_MASK_P1")
    return [Ecn(host, name, "1",
                f"On priority {PRIORITY} this end slows down, or tells the other to, when a switch marks packets: before a "
                "pause is needed. Costs some rate under congestion; the switches must mark.") for name in names]
