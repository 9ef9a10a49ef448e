// Which address of a port is used, and what is said of one that has none, or not that one.

#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <gtest/gtest.h>

#include "gaios/base/check.h"
#include "gaios/transport/verbs/libverbs_device.h"

namespace gaios::transport::verbs {
namespace {

Gid AddressFrom(const std::string& text) {
  const std::optional<Gid> gid = GidOf(text);
  GAIOS_CHECK(gid.has_value(), "an address of a test is one");
  return *gid;
}

TEST(FindGid, SaysWhatAPortLacksAndWhatItHas) {
  const std::string port = "port 1 of RDMA device mlx5_0";
  const GidEntry v1 = {.index = 0, .roce_v2 = false, .gid = AddressFrom("10.0.0.9")};
  const GidEntry global = {.index = 2, .roce_v2 = true, .gid = AddressFrom("2001:db8::1")};
  const GidEntry ipv4 = {.index = 3, .roce_v2 = true, .gid = AddressFrom("10.0.0.1")};
  for (const auto& entries : {std::vector<GidEntry>(), std::vector{v1}}) {
    for (const char* const address : {"", "10.0.0.1"}) {
      const absl::StatusOr<GidEntry> none = FindGid(port, entries, address);
      ASSERT_TRUE(absl::IsFailedPrecondition(none.status())) << none.status();
      EXPECT_TRUE(absl::StartsWith(none.status().message(),
                                   port + " has no RoCEv2 address: give its network interface"))
          << none.status();
    }
  }
  const std::vector<GidEntry> two = {v1, global, ipv4};
  EXPECT_EQ(FindGid(port, two, "")->index, 3U);
  EXPECT_EQ(FindGid(port, two, "10.0.0.1")->index, 3U);
  EXPECT_EQ(FindGid(port, two, "2001:db8::1")->index, 2U);
  const absl::StatusOr<GidEntry> another = FindGid(port, two, "10.0.0.2");
  ASSERT_TRUE(absl::IsFailedPrecondition(another.status())) << another.status();
  EXPECT_EQ(another.status().message(),
            port + " has no RoCEv2 address 10.0.0.2; it has " + "2001:db8::1" + ", 10.0.0.1");
  const absl::StatusOr<GidEntry> wrong = FindGid(port, two, "host1");
  ASSERT_TRUE(absl::IsInvalidArgument(wrong.status())) << wrong.status();
  EXPECT_TRUE(absl::StartsWith(wrong.status().message(), "\"host1\" is no address")) << wrong.status();
}

}  // namespace
}  // namespace gaios::transport::verbs
