#include "gaios/rsm/snapshot/capture.h"

#include <chrono>
#include <span>
#include <utility>

#include "gaios/base/background.h"
#include "gaios/rsm/snapshot/file.h"
#include "gaios/rsm/snapshot/unfinished_file.h"

namespace gaios::rsm {
namespace {

class VectorSink final : public SnapshotSink {
 public:
  explicit VectorSink(std::vector<std::byte>& to) : to_(to) {}
  absl::Status Append(std::span<const std::byte> bytes) override {
    to_.insert(to_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }

 private:
  std::vector<std::byte>& to_;
};

// Hands on until it is told to stop.
class StoppingSink final : public SnapshotSink {
 public:
  StoppingSink(SnapshotSink& to, const std::atomic<bool>& stop) : to_(to), stop_(stop) {}
  absl::Status Append(std::span<const std::byte> bytes) override {
    return stop_.load(std::memory_order_relaxed) ? absl::CancelledError("the snapshot was given up")
                                                 : to_.Append(bytes);
  }

 private:
  SnapshotSink& to_;
  const std::atomic<bool>& stop_;
};

// `save` writes the content.
template <typename Save>
absl::Status WriteFile(const std::string& path, const SnapshotFacts& facts, const Save& save) {
  const absl::StatusOr<std::unique_ptr<SnapshotWriter>> writer = SnapshotWriter::Create(path, facts);
  if (!writer.ok()) {
    return writer.status();
  }
  if (absl::Status status = save(**writer); !status.ok()) {
    return status;
  }
  return (*writer)->Finish();
}

SnapshotFacts FactsOf(const SnapshotOrigin& origin, const Replica& replica) {
  SnapshotFacts facts = replica.DescribeState();
  facts.origin = origin;
  return facts;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Capture>> Capture::Start(const std::string& path, const SnapshotOrigin& origin,
                                                        const Replica& replica) {
  if (replica.divergence().has_value()) {
    return absl::FailedPreconditionError(
        "the state of this replica has diverged from the group's: no snapshot is taken of it; ask another");
  }
  const auto from = std::chrono::steady_clock::now();
  std::unique_ptr<Capture> capture(new Capture(path, FactsOf(origin, replica)));
  if (absl::Status status = capture->Begin(replica); !status.ok()) {
    return status;
  }
  capture->pause_ns_ =
      static_cast<std::uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now() - from).count());
  return capture;
}

absl::Status Capture::Begin(const Replica& replica) {
  frozen_ = replica.state_machine().Freeze();
  if (frozen_ != nullptr) {
    VectorSink sink(sessions_);
    if (absl::Status status = replica.sessions().Save(sink); !status.ok()) {
      return status;
    }
    writer_ = std::thread([this] { WriteFrozen(); });
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<ForkedWork>> forked = ForkedWork::Start([this, &replica] {
    return WriteFile(path_, facts_, [&replica](SnapshotSink& sink) { return replica.SaveSnapshot(sink); });
  });
  if (!forked.ok()) {
    return forked.status();
  }
  forked_ = *std::move(forked);
  return absl::OkStatus();
}

void Capture::WriteFrozen() {
  base::GoToBackground(base::BackgroundPriority::kLowest);
  outcome_ = WriteFile(path_, facts_, [this](SnapshotSink& to) {
    StoppingSink sink(to, stop_);
    absl::Status status = sink.Append(sessions_);
    return status.ok() ? frozen_->Save(sink) : status;
  });
  frozen_.reset();
  written_.store(true, std::memory_order_release);
}

std::optional<absl::Status> Capture::Poll() {
  if (forked_ != nullptr) {
    std::optional<absl::Status> outcome = forked_->Poll();
    if (outcome.has_value() && !outcome->ok()) {
      UnfinishedFile::RemoveLeft(path_);  // a child that was killed has left it
    }
    return outcome;
  }
  return written_.load(std::memory_order_acquire) ? std::optional(outcome_) : std::nullopt;
}

Capture::~Capture() {
  if (writer_.joinable()) {
    stop_.store(true, std::memory_order_relaxed);
    writer_.join();
  }
  if (forked_ != nullptr && !forked_->Poll().has_value()) {
    forked_.reset();
    UnfinishedFile::RemoveLeft(path_);
  }
}

}  // namespace gaios::rsm
