#include "gaios/rsm/snapshot/fetcher.h"

#include <utility>

#include "gaios/base/background.h"
#include "gaios/base/check.h"
#include "gaios/base/pinning.h"

namespace gaios::rsm {
namespace {

// For a chunk, or to hear from the donor: one that has none yet says so every second.
constexpr int kPatienceMs = 5'000;

}  // namespace

absl::StatusOr<std::unique_ptr<Fetcher>> Fetcher::Create(const std::string& path, const SnapshotOrigin& own,
                                                         std::unique_ptr<DonorRoute> route) {
  absl::StatusOr<SignalFd> stop = SignalFd::Create();
  if (!stop.ok()) {
    return stop.status();
  }
  return std::unique_ptr<Fetcher>(new Fetcher(path, own, std::move(route), *std::move(stop)));
}

Fetcher::~Fetcher() {
  stop_.Raise();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Fetcher::Start(std::vector<paxos::ReplicaId> sources, std::uint64_t at_least) {
  GAIOS_CHECK(!busy(), "one snapshot is fetched at a time");
  result_ = {};
  done_.store(false, std::memory_order_relaxed);
  thread_ = std::thread([this, sources = std::move(sources), at_least] {
    base::SetThisThreadName("gaios-fetch");
    base::GoToBackground(base::BackgroundPriority::kOrdinary);
    Run(sources, at_least);
    done_.store(true, std::memory_order_release);
  });
}

void Fetcher::Run(const std::vector<paxos::ReplicaId>& sources, std::uint64_t at_least) {
  for (const paxos::ReplicaId source : sources) {
    const absl::StatusOr<std::unique_ptr<TransferStream>> stream =
        route_->Connect(source, stop_.fd(), kPatienceMs);
    const absl::Status status = stream.ok() ? incoming_.Take(**stream, at_least) : stream.status();
    if (status.ok()) {
      result_.fetched = true;
      result_.resumed_at = incoming_.resumed_at();
      return;
    }
    if (absl::IsCancelled(status)) {
      return;
    }
    result_.failures.push_back({source, status});
  }
}

std::optional<Fetcher::Result> Fetcher::Poll() {
  if (!busy() || !done_.load(std::memory_order_acquire)) {
    return std::nullopt;
  }
  thread_.join();
  return std::exchange(result_, {});
}

}  // namespace gaios::rsm
