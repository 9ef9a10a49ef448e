"""hw-config/tune on hosts that are made up: a tree of files, and programs that keep what they are told in files."""

import os
import stat
import subprocess
import tempfile
import textwrap
import unittest

TUNE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "hw-config", "tune")
STATE = "var/lib/gaios/tune.json"
HUGEPAGES = "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
PCI = "sys/devices/pci0000:00/0000:3b:00.0"
ALL = ("--hugepages", "64", "--user", "gaios", "--cores", "2-3", "--device", "mlx5_0")

# Each keeps its settings beside itself, one a file.
ETHTOOL = """
    case $1 in
      --show-priv-flags) echo "Private flags for $2:"; echo "rx_cqe_compress    : $(cat "$0.rx_cqe_compress")" ;;
      --set-priv-flags) echo "$4" >"$0.$3" ;;
    esac
"""
MSTCONFIG = """
    if [ "$3" = query ]; then echo "Configurations:      Next Boot"; echo "    $4    VALUE($(cat "$0.$4"))"; fi
    if [ "$4" = set ]; then echo "${5#*=}" >"$0.${5%=*}"; fi
"""
DCB = """
    case "$*" in
      "pfc show dev "*) echo "pfc-cap 8 macsec-bypass off delay 0"; echo "prio-pfc 0:off 1:off 2:off 3:$(cat "$0.pfc") 4:off" ;;
      "pfc set dev "*) echo "${6#3:}" >"$0.pfc" ;;
      "-N app show dev "*) echo "dscp-prio $(tr '\\n' ' ' <"$0.app")" ;;
      "app add dev "*) echo "$6" >>"$0.app" ;;
      "app del dev "*) grep -vx "$6" "$0.app" >"$0.new"; mv "$0.new" "$0.app" ;;
    esac
"""


class TuneTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = scratch.name

    def put(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def get(self, name):
        with open(os.path.join(self.root, name), encoding="utf-8") as file:
            return file.read().strip()

    def has(self, name):
        return os.path.exists(os.path.join(self.root, name))

    def link(self, name, target):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(os.path.join(self.root, target), path)

    def program(self, name, text):
        self.put(f"usr/sbin/{name}", "#!/bin/sh\n" + textwrap.dedent(text))
        path = os.path.join(self.root, "usr/sbin", name)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def make_host(self, link_layer="Ethernet"):
        """Four cores, and a ConnectX."""
        self.put(HUGEPAGES, "3\n")
        self.put("sys/devices/system/cpu/online", "0-3\n")
        for cpu in range(4):
            self.put(f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor", "powersave\n")
        self.put("sys/devices/system/cpu/cpufreq/policy0/x", "")
        self.put("proc/irq/24/smp_affinity_list", "0-3\n")
        self.put("proc/irq/25/smp_affinity_list", "2\n")
        self.put("proc/irq/26/smp_affinity_list", "0-1\n")
        self.put("proc/irq/default_smp_affinity", "f\n")
        self.put("proc/cmdline", "quiet\n")
        os.makedirs(os.path.join(self.root, "etc/security/limits.d"))
        os.makedirs(os.path.join(self.root, "etc/default/grub.d"))
        self.put(f"{PCI}/net/eth2/mtu", "1500\n")
        self.put(f"{PCI}/net/eth2/ecn/roce_np/enable/3", "0\n")
        self.put(f"{PCI}/net/eth2/ecn/roce_rp/enable/3", "1\n")
        self.put(f"{PCI}/infiniband/mlx5_0/ports/1/link_layer", link_layer + "\n")
        os.makedirs(os.path.join(self.root, "sys/bus/pci/drivers/mlx5_core"))
        self.link(f"{PCI}/driver", "sys/bus/pci/drivers/mlx5_core")
        self.link(f"{PCI}/net/eth2/device", PCI)
        self.link(f"{PCI}/infiniband/mlx5_0/device", PCI)
        self.link("sys/class/net/eth2", f"{PCI}/net/eth2")
        self.link("sys/class/infiniband/mlx5_0", f"{PCI}/infiniband/mlx5_0")
        self.program("ethtool", ETHTOOL)
        self.put("usr/sbin/ethtool.rx_cqe_compress", "on\n")
        self.program("mstconfig", MSTCONFIG)
        self.put("usr/sbin/mstconfig.CQE_COMPRESSION", "1\n")
        self.put("usr/sbin/mstconfig.PCI_WR_ORDERING", "1\n")
        self.program("dcb", DCB)
        self.put("usr/sbin/dcb.pfc", "off\n")
        self.put("usr/sbin/dcb.app", "26:1\n46:5\n")

    def tree(self):
        """All files below the root, with what they hold."""
        found = {}
        for directory, _, files in os.walk(self.root):
            for file in files:
                name = os.path.relpath(os.path.join(directory, file), self.root)
                found[name] = self.get(name)
        return found

    def tune(self, *arguments, code=0):
        done = subprocess.run([TUNE, "--root", self.root, *arguments], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_status_and_apply_without_yes_change_nothing(self):
        self.make_host()
        before = self.tree()
        said = self.tune("status", *ALL, code=1)
        self.assertIn("nr_hugepages: 3, should be 64", said)
        self.assertIn("differs: /sys/devices/system/cpu/cpu3/cpufreq/scaling_governor: powersave, should be performance", said)
        said = self.tune("apply", *ALL)
        self.assertIn("would change: /sys/class/net/eth2/mtu: 1500 -> 4200", said)
        self.assertIn("nothing was changed; to do it, add --yes", said)
        self.assertEqual(self.tree(), before)

    def test_apply_changes_each_and_revert_gives_back_exactly_what_was_there(self):
        self.make_host()
        before = self.tree()
        self.tune("apply", *ALL, "--yes")
        self.assertEqual(self.get(HUGEPAGES), "64")
        self.assertEqual(self.get("etc/security/limits.d/90-gaios.conf"), "gaios - memlock unlimited")
        self.assertEqual(self.get("proc/irq/24/smp_affinity_list"), "0-1")
        self.assertEqual(self.get("proc/irq/25/smp_affinity_list"), "0-1")
        self.assertIn("isolcpus=2-3 nohz_full=2-3 rcu_nocbs=2-3", self.get("etc/default/grub.d/90-gaios.cfg"))
        self.assertEqual(self.get("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"), "performance")
        self.assertEqual(self.get("sys/class/net/eth2/mtu"), "4200")
        self.assertEqual(self.get("usr/sbin/ethtool.rx_cqe_compress"), "off")
        self.assertEqual(self.get("usr/sbin/mstconfig.CQE_COMPRESSION"), "0")
        self.assertEqual(self.get("usr/sbin/mstconfig.PCI_WR_ORDERING"), "0")
        self.assertEqual(self.get("usr/sbin/dcb.pfc"), "on")
        self.assertEqual(self.get("usr/sbin/dcb.app").split(), ["46:5", "26:3"])
        self.assertEqual(self.get("sys/class/net/eth2/ecn/roce_np/enable/3"), "1")
        self.tune("status", *ALL)

        applied = self.tree()
        self.assertIn("would give back: /sys/class/net/eth2/mtu: 4200 -> 1500", self.tune("revert"))
        self.assertEqual(self.tree(), applied)
        self.tune("revert", "--yes")
        after = self.tree()
        for tree in (before, after):
            tree["usr/sbin/dcb.app"] = sorted(tree["usr/sbin/dcb.app"].split())
        self.assertEqual(after, before)
        self.assertIn("nothing to give back", self.tune("revert", "--yes"))

    def test_what_was_there_is_what_the_first_apply_found(self):
        self.make_host()
        self.tune("apply", "hugepages", "--hugepages", "64", "--yes")
        self.tune("apply", "hugepages", "--hugepages", "128", "--yes")
        self.assertIn("was 3 before", self.tune("status", "hugepages", "--hugepages", "128"))
        self.tune("revert", "hugepages", "--yes")
        self.assertEqual(self.get(HUGEPAGES), "3")

    def test_a_file_that_was_there_is_given_back_with_its_text(self):
        self.make_host()
        self.put("etc/security/limits.d/90-gaios.conf", "# by hand\n\ngaios - memlock 1024\n")
        self.tune("apply", "memlock", "--user", "gaios", "--yes")
        self.tune("revert", "--yes")
        with open(os.path.join(self.root, "etc/security/limits.d/90-gaios.conf"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "# by hand\n\ngaios - memlock 1024\n")

    def test_revert_of_one_topic_leaves_the_others(self):
        self.make_host()
        self.tune("apply", "governor", "hugepages", "--hugepages", "64", "--yes")
        self.tune("revert", "governor", "--yes")
        self.assertEqual(self.get("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor"), "powersave")
        self.assertEqual(self.get(HUGEPAGES), "64")
        self.assertTrue(self.has(STATE))

    def test_more_than_was_asked_for_is_good(self):
        self.make_host()
        self.put(f"{PCI}/net/eth2/mtu", "9000\n")
        self.put(HUGEPAGES, "500\n")
        self.tune("apply", "mtu", "hugepages", "--hugepages", "64", "--device", "eth2", "--yes")
        self.assertEqual(self.get("sys/class/net/eth2/mtu"), "9000")
        self.assertEqual(self.get(HUGEPAGES), "500")
        self.assertFalse(self.has(STATE))

    def test_a_host_without_any_of_it_says_so_and_is_left_alone(self):
        said = self.tune("apply", *ALL, "--yes")
        self.assertIn("this kernel has no hugepages of 2 MiB", said)
        self.assertIn("the directory /etc/security/limits.d is not there", said)
        self.assertIn("the frequency is not in the hands of this kernel", said)
        self.assertIn("there is no NIC mlx5_0; this host has none", said)
        self.assertEqual(self.tree(), {})

    def test_another_nic_and_missing_programs(self):
        self.make_host()
        os.unlink(os.path.join(self.root, PCI, "driver"))
        os.makedirs(os.path.join(self.root, "sys/bus/pci/drivers/ice"))
        self.link(f"{PCI}/driver", "sys/bus/pci/drivers/ice")
        os.unlink(os.path.join(self.root, "usr/sbin/dcb"))
        said = self.tune("status", "cqe-compression", "pfc", "--device", "eth2")
        self.assertIn("this is for mlx5; the driver of eth2 is ice", said)
        self.assertIn("the program dcb is not installed", said)

    def test_infiniband_needs_nothing_of_ethernet(self):
        self.make_host("InfiniBand")
        said = self.tune("status", "mtu", "pfc", "dscp", "ecn", "--device", "mlx5_0")
        self.assertEqual(said.count("mlx5_0 is on InfiniBand"), 4)

    def test_a_driver_that_does_not_show_ecn(self):
        self.make_host()
        for side in ("roce_np", "roce_rp"):
            os.unlink(os.path.join(self.root, PCI, f"net/eth2/ecn/{side}/enable/3"))
        self.assertIn("mstconfig -d 0000:3b:00.0 query ROCE_CC_PRIO_MASK_P1", self.tune("status", "ecn", "--device", "eth2"))

    def test_a_program_that_fails_is_told_of_and_the_rest_goes_on(self):
        self.make_host()
        self.program("mstconfig", 'echo "-E- no access to the device" >&2; exit 3')
        said = self.tune("apply", "relaxed-ordering", "governor", "--device", "eth2", "--yes", code=1)
        self.assertIn("no access to the device", said)
        self.assertEqual(self.get("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"), "performance")

    def test_a_value_that_does_not_stick_fails_and_can_still_be_given_back(self):
        self.make_host()
        self.program("ethtool", """
            if [ "$1" = --show-priv-flags ]; then echo "rx_cqe_compress : on"; fi
        """)
        said = self.tune("apply", "cqe-compression", "--device", "eth2", "--yes", code=1)
        self.assertIn("FAILED: ethtool eth2 rx_cqe_compress: on -> off: it says on afterwards", said)
        self.tune("revert", "--yes")
        self.assertEqual(self.get("usr/sbin/mstconfig.CQE_COMPRESSION"), "1")
        self.assertFalse(self.has(STATE))

    def test_revert_keeps_what_it_could_not_give_back(self):
        self.make_host()
        self.tune("apply", "pfc", "governor", "--device", "eth2", "--yes")
        os.rename(os.path.join(self.root, "usr/sbin/dcb"), os.path.join(self.root, "usr/sbin/away"))
        self.assertIn("should be off again", self.tune("revert", "--yes", code=1))
        os.rename(os.path.join(self.root, "usr/sbin/away"), os.path.join(self.root, "usr/sbin/dcb"))
        self.tune("revert", "--yes")
        self.assertEqual(self.get("usr/sbin/dcb.pfc"), "off")
        self.assertEqual(self.get("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"), "powersave")

    def test_a_state_that_cannot_be_read_stops_everything(self):
        self.make_host()
        for text in ("{", '{"version": 9, "before": {}}', "[]"):
            self.put(STATE, text)
            self.assertIn("Move it away", self.tune("apply", "governor", "--yes", code=1))
            self.assertEqual(self.get("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"), "powersave")
        # Nor may it name a file of its own choice.
        self.put("etc/passwd", "as it was\n")
        self.put(STATE, '{"version": 1, "before": {"/etc/passwd": "gone"}}')
        self.assertIn("is not a setting of this release", self.tune("revert", "--yes", code=1))
        self.assertEqual(self.get("etc/passwd"), "as it was")

    def test_cores_that_are_not_there_or_all_there_are(self):
        self.make_host()
        self.assertIn("this host has cores 0-3, not 7", self.tune("status", "irq", "--cores", "2,7"))
        self.assertIn("leave one for everybody else", self.tune("status", "isolation", "--cores", "0-3"))

    def test_wrong_usage(self):
        for arguments in (("polish",), ("status", "hyperdrive"), ("status", "--cores", "3-1"), ("status", "--cores", "x"),
                          ("status", "--cores", ""), ("status", "--user", "a b"), ("status", "--mtu", "12"),
                          ("status", "--hugepages", "-1"), ("status", "--polish"), ()):
            self.tune(*arguments, code=2)
        self.assertIn("there is no topic hyperdrive", self.tune("status", "hyperdrive", code=2))

    def test_every_change_is_explained(self):
        self.make_host()
        said = self.tune("status", *ALL, code=1)
        for topic in ("hugepages", "memlock", "irq", "isolation", "governor", "mtu", "cqe-compression", "relaxed-ordering",
                      "pfc", "dscp", "ecn"):
            self.assertRegex(said, rf"(?m)^{topic}: .*Costs ")


if __name__ == "__main__":
    unittest.main()
