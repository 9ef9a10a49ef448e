#include "tests/transport/bootstrap/fixture.h"

#include <chrono>
#include <cstdlib>
#include <fstream>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"

#include "tests/base/patience.h"

namespace gaios::transport::bootstrap {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr int kSettlingTurns = 100;

}  // namespace

BootstrapTest::BootstrapTest()
    : directory_((std::filesystem::temp_directory_path() / "gaios-bootstrap-XXXXXX").string()),
      ends_(paxos::kMaxReplicas),
      ports_(paxos::kMaxReplicas, 1) {
  GAIOS_CHECK(::mkdtemp(directory_.data()) != nullptr, "a scratch directory");
  key_file_ = WriteFile("cluster.key", "00112233445566778899aabbccddeeff0123456789abcdef0123456789ABCDEF\n");
}

BootstrapTest::~BootstrapTest() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string BootstrapTest::WriteFile(const std::string& name, std::string_view text,
                                     std::filesystem::perms mode) const {
  const std::string path = directory_ + "/" + name;
  std::ofstream(path) << text;
  std::filesystem::permissions(path, mode);
  return path;
}

BootstrapOptions BootstrapTest::OptionsOf(std::uint8_t id, std::size_t replicas) const {
  BootstrapOptions options;
  options.listen_address = "127.0.0.1";
  options.credentials.key_file = key_file_;
  options.cluster = "harbour";
  options.group = paxos::GroupId(77);
  options.group_name = "the group of the test";
  options.capacity_bytes = 1 << 20;
  options.self = ReplicaId(id);
  options.incarnation = paxos::Incarnation(1);
  options.clock = &clock_;
  for (std::uint8_t peer = 0; peer < replicas; ++peer) {
    if (peer != id) {
      options.peers.push_back({ReplicaId(peer), peer > id ? "127.0.0.1" : "", ports_.at(peer)});
    }
  }
  return options;
}

void BootstrapTest::Open(BootstrapOptions options) {
  const std::uint8_t id = options.self.value();
  absl::StatusOr<std::unique_ptr<Bootstrap>> opened = Bootstrap::Open(std::move(options));
  ASSERT_TRUE(opened.ok()) << opened.status();
  ends_.at(id).bootstrap = *std::move(opened);
  ports_.at(id) = ends_.at(id).bootstrap->port();
}

void BootstrapTest::OpenPair() {
  Open(OptionsOf(1));
  Open(OptionsOf(0));
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).Up(0); }));
}

void BootstrapTest::PollAll() {
  for (const End& end : ends_) {
    end.Poll();
  }
}

bool BootstrapTest::PollUntil(const std::function<bool()>& done) {
  return PollUntilAdvancing(0, done);
}

bool BootstrapTest::PollUntilAdvancing(std::uint64_t step_ns, const std::function<bool()>& done) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  base::Patience patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) {
      return false;
    }
    clock_.AdvanceNs(step_ns);
    PollAll();
    patience.Wait();
  }
  return true;
}

void BootstrapTest::Settle() {
  base::Patience patience;
  for (int turn = 0; turn < kSettlingTurns; ++turn) {
    PollAll();
    patience.Wait();
  }
}

}  // namespace gaios::transport::bootstrap
