
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/doctor/examine.h"
#include "gaios/cli/doctor/fields.h"
#include "gaios/cli/doctor/report.h"

#include "tests/cli/fake_system.h"

namespace gaios::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

// The finding of an id; a failure and an empty one when it is not there.
Finding Find(const Findings& findings, const std::string& id) {
  for (const Finding& finding : findings) {
    if (finding.id == id) {
      return finding;
    }
  }
  ADD_FAILURE() << "no finding " << id;
  return {};
}

bool Has(const Findings& findings, const std::string& id) {
  for (const Finding& finding : findings) {
    if (finding.id == id) {
      return true;
    }
  }
  return false;
}

// A host on which everything is as it should be.
void WriteGoodHost(FakeSystem& host) {
  host.Write("/proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7");
  host.Write("/sys/devices/system/cpu/isolated", "4-7");
  host.Write("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance");
  host.Write("/proc/self/cgroup", "0::/user/a");
  host.Write("/sys/fs/cgroup/user/a/cpu.max", "max 100000");
  host.Write("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu constant_tsc rep_good nonstop_tsc avx2");
  host.Write("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc");
  host.Write("/proc/meminfo", "MemTotal:  16777216 kB\nMemAvailable: 8388608 kB\nSwapTotal: 0 kB");
  host.Write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "64");
  host.Write("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "60");
  host.Write("/proc/self/mounts",
             "rootfs / ext4 rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\nnone /hugepages hugetlbfs rw 0 0");
  host.Write("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
  host.Write("/sys/kernel/mm/transparent_hugepage/shmem_enabled",
             "always [within_size] advise never deny force");
  host.Write("/proc/self/limits",
             "Limit  Soft Limit  Hard Limit  Units\nMax locked memory  unlimited  unlimited  bytes");
  host.Write("/proc/sys/kernel/osrelease", "6.1.0");
  host.SetSpace("/dev/shm", {.size_bytes = 512 * kMebibyte, .free_bytes = 500 * kMebibyte});
}

TEST(Doctor, FindsNothingToDoOnAGoodHost) {
  FakeSystem host;
  WriteGoodHost(host);
  for (const Finding& finding : Examine(host.Get(), {}, std::nullopt)) {
    EXPECT_TRUE(finding.level == Level::kOk || finding.level == Level::kInfo)
        << finding.id << ": " << finding.text;
  }
}

TEST(Doctor, ExaminesAHostThatTellsNothing) {
  const FakeSystem host;
  const Findings findings = Examine(host.Get(), {}, std::nullopt);
  EXPECT_EQ(Find(findings, "cores").level, Level::kInfo);
  EXPECT_EQ(Find(findings, "memory").level, Level::kInfo);
  EXPECT_EQ(Find(findings, "shared_memory").level, Level::kWarning);
}

TEST(Doctor, EveryWarningAndErrorSaysWhatToDo) {
  FakeSystem host;
  WriteGoodHost(host);
  host.Write("/proc/self/status", "Cpus_allowed_list:\t3");
  host.Write("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave");
  host.Write("/sys/fs/cgroup/user/a/cpu.max", "150000 100000");
  host.Write("/proc/cpuinfo", "flags\t\t: fpu constant_tsc_of_another_name");
  host.Write("/proc/meminfo", "MemTotal: 1024 kB\nMemAvailable: 512 kB\nSwapTotal: 2097152 kB");
  host.Write("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]");
  host.SetSpace("/dev/shm", {.size_bytes = 64 * kMebibyte, .free_bytes = kMebibyte});
  const Deployment deployment{.directory = "/", .capacity_bytes = 64 * kMebibyte, .replicas = 3, .cpus = {0}};
  const Findings findings = Examine(host.Get(), {}, deployment);
  std::set<std::string> poor;
  for (const Finding& finding : findings) {
    if (finding.level == Level::kWarning || finding.level == Level::kError) {
      poor.insert(finding.id);
      EXPECT_THAT(finding.fix, Not(IsEmpty())) << finding.id;
    }
  }
  EXPECT_THAT(
      poor, ElementsAre("cores", "cpu_quota", "deployment_cores", "deployment_directory", "deployment_memory",
                        "governor", "shared_memory", "swap", "transparent_huge_pages", "tsc"));
}

TEST(Doctor, NamesTheQuotaOfAGroupAbove) {
  FakeSystem host;
  WriteGoodHost(host);
  EXPECT_FALSE(Has(Examine(host.Get(), {}, std::nullopt), "cpu_quota"));
  host.Write("/sys/fs/cgroup/user/cpu.max", "50000 100000");
  EXPECT_THAT(Find(Examine(host.Get(), {}, std::nullopt), "cpu_quota").text, HasSubstr("0.5 cores"));
}

TEST(Doctor, NamesAllGovernors) {
  FakeSystem host;
  WriteGoodHost(host);
  host.Write("/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "schedutil");
  const Finding governor = Find(Examine(host.Get(), {}, std::nullopt), "governor");
  EXPECT_EQ(governor.level, Level::kWarning);
  EXPECT_THAT(governor.text, HasSubstr("performance, schedutil"));
}

TEST(Doctor, WarnsOfAClockSourceThatIsNotTheCounter) {
  FakeSystem host;
  WriteGoodHost(host);
  host.Write("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet");
  const Finding counter = Find(Examine(host.Get(), {}, std::nullopt), "tsc");
  EXPECT_EQ(counter.level, Level::kWarning);
  EXPECT_THAT(counter.text, HasSubstr("hpet"));
}

TEST(Doctor, TellsHugePagesAndTheirMount) {
  FakeSystem host;
  WriteGoodHost(host);
  EXPECT_EQ(Find(Examine(host.Get(), {}, std::nullopt), "huge_pages").text,
            "huge pages reserved: 64 of 2048kB, 60 of them free; hugetlbfs is at /hugepages");
  host.Write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0");
  const Finding none = Find(Examine(host.Get(), {}, std::nullopt), "huge_pages");
  EXPECT_THAT(none.text, HasSubstr("no huge pages"));
  EXPECT_THAT(none.fix, HasSubstr("for RDMA reserve"));
}

TEST(Doctor, TellsTheLockingLimit) {
  FakeSystem host;
  WriteGoodHost(host);
  host.Write("/proc/self/limits",
             "Max locked memory         8388608              8388608              bytes");
  const Finding locked = Find(Examine(host.Get(), {}, std::nullopt), "locked_memory");
  EXPECT_EQ(locked.level, Level::kInfo);
  EXPECT_THAT(locked.text, HasSubstr("8.0 MiB"));
}

TEST(Doctor, TellsRdmaDevicesAndWhetherThisBuildUsesThem) {
  FakeSystem host;
  WriteGoodHost(host);
  EXPECT_THAT(Find(Examine(host.Get(), {}, std::nullopt), "rdma_devices").text, HasSubstr("no RDMA device"));
  host.Write("/sys/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE");
  host.Write("/sys/class/infiniband/mlx5_0/ports/1/link_layer", "Ethernet");
  const Finding without =
      Find(Examine(host.Get(), {.verbs = false, .dpdk = false}, std::nullopt), "rdma_devices");
  EXPECT_EQ(without.level, Level::kInfo);
  EXPECT_THAT(without.text, HasSubstr("mlx5_0 port 1 (Ethernet, ACTIVE); this program is built without it"));
  const Finding with =
      Find(Examine(host.Get(), {.verbs = true, .dpdk = false}, std::nullopt), "rdma_devices");
  EXPECT_EQ(with.level, Level::kOk);
}

TEST(Doctor, TellsDpdkDriversAndTheNetworkCardsGivenToThem) {
  FakeSystem host;
  WriteGoodHost(host);
  host.Write("/usr/lib/x86_64-linux-gnu/librte_net_af_packet.so.23", "");
  host.Write("/usr/lib/x86_64-linux-gnu/librte_net_af_packet.so.23.0", "");
  host.Write("/usr/lib/x86_64-linux-gnu/librte_mempool.so.23", "");
  host.MakeDirectory("/sys/bus/pci/drivers/vfio-pci/0000:00:04.0");
  host.MakeDirectory("/sys/bus/pci/drivers/vfio-pci/0000:00:05.0");
  host.Write("/sys/bus/pci/drivers/vfio-pci/bind", "");
  host.Write("/sys/bus/pci/devices/0000:00:04.0/class", "0x020000");
  host.Write("/sys/bus/pci/devices/0000:00:05.0/class", "0x030000");
  const Findings findings = Examine(host.Get(), {.verbs = false, .dpdk = true}, std::nullopt);
  EXPECT_EQ(Find(findings, "dpdk_drivers").text, "DPDK network drivers installed (1): af_packet");
  EXPECT_EQ(Find(findings, "dpdk_cards").text, "network cards given to DPDK: 0000:00:04.0 (vfio-pci)");
}

TEST(Doctor, ChecksADeployment) {
  FakeSystem host;
  WriteGoodHost(host);
  host.MakeDirectory("/dev/shm/gaios/book-1");
  Deployment deployment{
      .directory = "/dev/shm/gaios/book-1", .capacity_bytes = 64 * kMebibyte, .replicas = 3, .cpus = {0, 7}};
  const Findings good = Examine(host.Get(), {}, deployment);
  EXPECT_EQ(Find(good, "deployment_memory").level, Level::kOk);
  EXPECT_THAT(Find(good, "deployment_memory").text, HasSubstr("reserve 256 MiB each, 768 MiB in all"));
  EXPECT_EQ(Find(good, "deployment_directory").level, Level::kOk);
  EXPECT_EQ(Find(good, "deployment_cores").level, Level::kOk);

  deployment.capacity_bytes = 1024 * kMebibyte;
  deployment.cpus = {7, 8};
  const Findings bad = Examine(host.Get(), {}, deployment);
  EXPECT_EQ(Find(bad, "deployment_memory").level, Level::kError);
  EXPECT_EQ(Find(bad, "deployment_cores").level, Level::kError);
  EXPECT_THAT(Find(bad, "deployment_cores").text, HasSubstr(": 8"));
}

TEST(Doctor, WarnsOfADirectoryOnADisk) {
  FakeSystem host;
  WriteGoodHost(host);
  host.MakeDirectory("/var/lib/gaios");
  const Deployment deployment{
      .directory = "/var/lib/gaios", .capacity_bytes = kMebibyte, .replicas = 3, .cpus = {}};
  const Finding directory = Find(Examine(host.Get(), {}, deployment), "deployment_directory");
  EXPECT_EQ(directory.level, Level::kWarning);
  EXPECT_THAT(directory.text, HasSubstr("ext4"));
}

TEST(Doctor, TakesARelativeDirectoryFromTheWorkingDirectory) {
  FakeSystem host;
  WriteGoodHost(host);
  host.MakeDirectory((std::filesystem::current_path() / "group").string());
  const Deployment deployment{.directory = "group", .capacity_bytes = kMebibyte, .replicas = 3, .cpus = {}};
  const Finding directory = Find(Examine(host.Get(), {}, deployment), "deployment_directory");
  EXPECT_THAT(directory.text, HasSubstr((std::filesystem::current_path() / "group").string()));
  EXPECT_THAT(directory.text, Not(HasSubstr("not there")));
}

TEST(Doctor, ExaminesThisHost) {
  const Findings findings = Examine(System(), ThisBuild(), std::nullopt);
  EXPECT_THAT(Find(findings, "kernel").text, HasSubstr("Linux "));
  EXPECT_THAT(Find(findings, "memory").text, HasSubstr("iB"));
}

TEST(DoctorReport, JsonHasTheAgreedFields) {
  const Findings findings = {{"swap", Level::kWarning, "2 GiB of \"swap\"\xff", "swapoff -a"}};
  const auto json = nlohmann::json::parse(FindingsJson(findings, {.verbs = true, .dpdk = false}));
  ASSERT_EQ(json.at("findings").size(), 1U);
  const auto& finding = json.at("findings").at(0);
  EXPECT_EQ(finding.at("id"), "swap");
  EXPECT_EQ(finding.at("level"), "warning");
  EXPECT_THAT(finding.at("text").get<std::string>(), HasSubstr("of \"swap\""));
  EXPECT_EQ(finding.at("fix"), "swapoff -a");
  EXPECT_EQ(json.at("built_with").at("verbs"), true);
  EXPECT_EQ(json.at("built_with").at("dpdk"), false);
}

TEST(DoctorReport, TableShowsFindingsFixesAndCounts) {
  const Findings findings = {{"swap", Level::kWarning, "2 GiB of swap", "swapoff -a"},
                             {"cores", Level::kOk, "8 cores", ""}};
  EXPECT_EQ(FindingsTable(findings, {.verbs = false, .dpdk = true}),
            "warning  swap   2 GiB of swap\n"
            "                -> swapoff -a\n"
            "ok       cores  8 cores\n"
            "\n"
            "built with: shared memory, DPDK; without: verbs\n"
            "0 errors, 1 warning\n");
}

TEST(DoctorFields, ReadsCpuLists) {
  EXPECT_THAT(ParseCpuList("0-2,5"), ElementsAre(0, 1, 2, 5));
  EXPECT_THAT(ParseCpuList(""), IsEmpty());
  EXPECT_THAT(ParseCpuList("3-1,x,7,0-4294967295"), ElementsAre(7));
}

TEST(DoctorFields, ReadsFields) {
  const std::string text = "Name:\t x y \nEmpty:\nFree: 512 kB\nBad: many kB";
  EXPECT_EQ(FieldOf(text, "Name"), "x y");
  EXPECT_EQ(FieldOf(text, "Empty"), "");
  EXPECT_EQ(FieldOf(text, "Missing"), std::nullopt);
  EXPECT_EQ(FieldOf(std::nullopt, "Name"), std::nullopt);
  EXPECT_EQ(KibibytesOf(text, "Free"), 524288U);
  EXPECT_EQ(KibibytesOf(text, "Bad"), std::nullopt);
  EXPECT_EQ(ChosenOf("a [b] c"), "b");
  EXPECT_EQ(ChosenOf("a b c"), "");
  EXPECT_EQ(ChosenOf("]a["), "");
}

TEST(DoctorFields, WritesSizes) {
  EXPECT_EQ(SizeText(0), "0 bytes");
  EXPECT_EQ(SizeText(1023), "1023 bytes");
  EXPECT_EQ(SizeText(1536), "1.5 KiB");
  EXPECT_EQ(SizeText(64 * kMebibyte), "64 MiB");
}

}  // namespace
}  // namespace gaios::cli
