// Options and key files that are not as they should be: each error names the thing and the fix.

#include <sys/stat.h>

#include <gmock/gmock.h>

#include "gaios/transport/bootstrap/credentials.h"

#include "tests/transport/bootstrap/fixture.h"

namespace gaios::transport::bootstrap {
namespace {

using std::filesystem::perms;
using testing::HasSubstr;

class OptionsTest : public BootstrapTest {
 protected:
  void ExpectWrong(const std::function<void(BootstrapOptions&)>& change, std::string_view word) const {
    BootstrapOptions options = OptionsOf(0, 3);
    ASSERT_TRUE(options.Validate().ok()) << options.Validate();
    change(options);
    const absl::Status status = options.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << word;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(word)));
    EXPECT_EQ(Bootstrap::Open(options).status(), status);
  }
  static void ExpectKeyError(const std::string& path, absl::StatusCode code, std::string_view word) {
    const absl::Status status = ReadClusterKey(path).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(word)));
  }
};

TEST_F(OptionsTest, EachIsCheckedAndSaysWhatToWrite) {
  using O = BootstrapOptions;
  ExpectWrong([](O& o) { o.listen_address = "localhost"; }, "listen_address is \"localhost\"");
  ExpectWrong([](O& o) { o.listen_address.clear(); }, "listen_address");
  ExpectWrong([](O& o) { o.clock = nullptr; }, "clock");
  ExpectWrong([](O& o) { o.peers.clear(); }, "between 1 and 6");
  ExpectWrong([](O& o) { o.peers.front().id = ReplicaId(2); }, "peer 2 is there twice");
  ExpectWrong([](O& o) { o.peers.front().id = ReplicaId(0); }, "peer 0 is there twice");
  ExpectWrong([](O& o) { o.peers.front().id = ReplicaId(7); }, "peer 7 is there twice or out of range");
  ExpectWrong([](O& o) { o.self = ReplicaId(3); }, "id of this replica is 3");
  ExpectWrong([](O& o) { o.peers.back().address = "host-2"; }, "peer 2 has address \"host-2\"");
  ExpectWrong([](O& o) { o.peers.back().port = 0; }, "and port 0");
  ExpectWrong([](O& o) { o.cluster.clear(); }, "cluster name");
  ExpectWrong([](O& o) { o.cluster = std::string(64, 'x'); }, "1 to 63");
  ExpectWrong([](O& o) { o.cluster = "tab\t"; }, "printable");
  ExpectWrong([](O& o) { o.incarnation = Incarnation(0); }, "incarnation is 0");
  ExpectWrong([](O& o) { o.incarnation = Incarnation(1U << 24); }, "incarnation is 16777216");
  ExpectWrong([](O& o) { o.capacity_bytes = 5000; }, "power of two");
  ExpectWrong([](O& o) { o.capacity_bytes = 2048; }, "power of two");
  ExpectWrong([](O& o) { o.credentials.key_file.clear(); }, "openssl rand -hex 32");
  ExpectWrong([](O& o) { o.credentials.ca_file = "x"; }, "one or the other");
  ExpectWrong(
      [](O& o) {
        o.credentials.key_file.clear();
        o.credentials.ca_file = "x";
      },
      "need all of");
  ExpectWrong([](O& o) { o.handshake_timeout_ns = 0; }, "handshake_timeout_ns is 0");
  ExpectWrong([](O& o) { o.max_backoff_ns = 10 * kMs; }, "max_backoff_ns is smaller");
  ExpectWrong([](O& o) { o.silence_timeout_ns = 2 * o.ping_interval_ns; }, "three times");
  ExpectWrong([](O& o) { o.max_pending_connections = 0; }, "between 1 and 64");
  ExpectWrong([](O& o) { o.max_pending_connections = 65; }, "between 1 and 64");
  ExpectWrong([](O& o) { o.send_buffer_bytes = 4096; }, "between 4100");
}

TEST_F(OptionsTest, AddressesOfPeersThatDialAreNotNeeded) {
  BootstrapOptions options = OptionsOf(2, 3);
  EXPECT_TRUE(options.peers.front().address.empty());
  EXPECT_TRUE(options.Validate().ok()) << options.Validate();
}

TEST_F(OptionsTest, AKeyIsReadFromItsDigits) {
  const absl::StatusOr<ClusterKey> key = ReadClusterKey(key_file_);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->bytes.front(), 0x00);
  EXPECT_EQ(key->bytes.at(1), 0x11);
  EXPECT_EQ(key->bytes.back(), 0xef) << "capital letters too";
}

TEST_F(OptionsTest, AKeyFileIsCheckedForItsLengthAndDigits) {
  const auto code = absl::StatusCode::kInvalidArgument;
  ExpectKeyError(WriteFile("empty", ""), code, "holds 0 characters, a key has 64");
  ExpectKeyError(WriteFile("short", std::string(63, 'a')), code, "holds 63 characters");
  ExpectKeyError(WriteFile("long", std::string(65, 'a')), code, "openssl rand -hex 32");
  ExpectKeyError(WriteFile("huge", std::string(100'000, 'a')), code, "at least 256");
  ExpectKeyError(WriteFile("letters", std::string(64, 'x')), code, "no hexadecimal digits");
  ExpectKeyError(WriteFile("zeros", std::string(64, '0')), code, "no secret");
}

TEST_F(OptionsTest, AKeyFileIsCheckedForWhoMayReadIt) {
  const std::string digits(32, 'a');
  for (const perms others : {perms::group_read, perms::others_read, perms::group_write, perms::others_exec}) {
    const std::string path =
        WriteFile("open.key", digits + std::string(32, 'b'), perms::owner_read | perms::owner_write | others);
    ExpectKeyError(path, absl::StatusCode::kPermissionDenied, "chmod 600 " + path);
  }
  ExpectKeyError(directory_ + "/none.key", absl::StatusCode::kNotFound, "no such file");
  ExpectKeyError(directory_, absl::StatusCode::kPermissionDenied, "plain file");
  const std::string pipe = directory_ + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  ExpectKeyError(pipe, absl::StatusCode::kPermissionDenied, "plain file");
  EXPECT_TRUE(
      ReadClusterKey(WriteFile("read-only.key", digits + std::string(32, 'b'), perms::owner_read)).ok());
}

}  // namespace
}  // namespace gaios::transport::bootstrap
