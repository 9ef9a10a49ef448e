#include "gaios/transport/udp/dpdk/card.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>

#include "tests/support/scratch_directory.h"

namespace gaios::transport::udp::dpdk {
namespace {

using ::testing::HasSubstr;

constexpr const char* kAddress = "0000:01:00.0";

class CardTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(devices_.PathOf(kAddress)); }
  absl::Status With(const std::string& driver) {
    const std::string link = devices_.PathOf(kAddress) + "/driver";
    std::filesystem::remove(link);
    std::filesystem::create_symlink("../../../bus/pci/drivers/" + driver, link);
    return CheckCard(kAddress, devices_.path());
  }

  rsm::ScratchDirectory devices_;
};

TEST_F(CardTest, OneThatIsHandedOverIsGood) {
  for (const char* driver : {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core", "mlx4_core"}) {
    EXPECT_TRUE(With(driver).ok()) << driver;
  }
}

TEST_F(CardTest, OneOfTheKernelIsLeftToIt) {
  const absl::Status status = With("virtio-pci");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("belongs to the kernel's driver virtio-pci: dpdk-devbind.py "
                                          "--bind=vfio-pci 0000:01:00.0"));
}

TEST_F(CardTest, OneWithoutDriverIsNotTouched) {
  const absl::Status status = CheckCard(kAddress, devices_.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("has no driver: dpdk-devbind.py"));
}

TEST_F(CardTest, OneThatIsNotThereIsNamed) {
  const absl::Status status = CheckCard("0000:02:00.0", devices_.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("no PCI device 0000:02:00.0"));
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk
