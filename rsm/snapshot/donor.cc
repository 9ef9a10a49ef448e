#include "gaios/rsm/snapshot/donor.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <span>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/background.h"
#include "gaios/base/pinning.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/joining.h"
#include "gaios/transport/shm/socket.h"

namespace gaios::rsm {
namespace {

constexpr int kRequestMs = 1'000;  // a taker knows what it wants
constexpr int kWaitMs = 1'000;     // how often one that waits is told so
constexpr int kAttempts = 3;       // to take one that is late enough, while the log moves on

std::uint64_t NowNs() {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

// Whether `fd` is readable before `timeout_ms` have passed; and whether `stop` is.
struct Readable {
  bool fd = false;
  bool stop = false;
};
Readable AwaitReadable(int fd, int stop, int timeout_ms) {
  std::array<pollfd, 2> waited = {pollfd{.fd = fd, .events = POLLIN, .revents = 0},
                                  pollfd{.fd = stop, .events = POLLIN, .revents = 0}};
  const int ready = ::poll(waited.data(), waited.size(), timeout_ms);
  return ready <= 0 ? Readable{} : Readable{waited[0].revents != 0, waited[1].revents != 0};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Donor>> Donor::Open(const DonorOptions& options) {
  absl::StatusOr<SignalFd> stop = SignalFd::Create();
  absl::StatusOr<SignalFd> answered = SignalFd::Create();
  if (!stop.ok() || !answered.ok()) {
    return stop.ok() ? answered.status() : stop.status();
  }
  absl::StatusOr<base::UniqueFd> listener = ListenForTransfers(options.socket_path);
  if (!listener.ok()) {
    return listener.status();
  }
  std::unique_ptr<Donor> donor(
      new Donor(options, *std::move(listener), *std::move(stop), *std::move(answered)));
  donor->thread_ = std::thread([&donor = *donor] { donor.Run(); });
  return donor;
}

Donor::Donor(const DonorOptions& options, base::UniqueFd listener, SignalFd stop, SignalFd answered)
    : options_(options),
      listener_(std::move(listener)),
      socket_file_(options.socket_path),
      stop_(std::move(stop)),
      answer_ready_(std::move(answered)) {}

Donor::~Donor() {
  stop_.Raise();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Donor::Answer(std::uint64_t asked, const absl::Status& outcome) {
  {
    const std::lock_guard lock(mutex_);
    answered_ = asked;
    outcome_ = outcome;
  }
  answer_ready_.Raise();
}

DonorCounters Donor::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void Donor::Run() {
  base::SetThisThreadName("gaios-donor");
  base::GoToBackground(base::BackgroundPriority::kOrdinary);
  const int visitors_fd = options_.visitors == nullptr ? -1 : options_.visitors->fd();
  for (;;) {
    std::array<pollfd, 3> waited = {pollfd{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                                    pollfd{.fd = visitors_fd, .events = POLLIN, .revents = 0},
                                    pollfd{.fd = stop_.fd(), .events = POLLIN, .revents = 0}};
    if (::poll(waited.data(), waited.size(), -1) <= 0) {
      continue;  // a signal
    }
    if (waited[2].revents != 0) {
      return;
    }
    // In turn, so that neither kind keeps the other waiting.
    if (options_.visitors != nullptr && waited[1].revents != 0) {
      if (std::optional<VisitorQueue::Visitor> visitor = options_.visitors->Take(); visitor.has_value()) {
        ServeVisitor(*std::move(visitor));
      }
    }
    if (waited[0].revents != 0) {
      ServeProcess();
    }
  }
}

void Donor::ServeVisitor(VisitorQueue::Visitor visitor) {
  NetworkStream stream(std::move(visitor.stream), stop_.fd(), kRequestMs);
  if (visitor.visit.purpose != static_cast<std::uint8_t>(transport::bootstrap::VisitPurpose::kJoin)) {
    Serve(stream, /*here=*/false);
    return;
  }
  stream.set_patience_ms(options_.patience_ms);
  const std::uint32_t life =
      visitor.visit.from < lives_.size() ? lives_[visitor.visit.from].load(std::memory_order_relaxed) : 0;
  const bool told = SendGroup(stream, options_.group_directory, life).ok();
  const std::lock_guard lock(mutex_);
  ++(told ? counters_.joined : counters_.cut_off);
}

void Donor::ServeProcess() {
  base::UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket.valid()) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      // It stays readable until there is room again: look at it now and then.
      static_cast<void>(AwaitReadable(stop_.fd(), stop_.fd(), kWaitMs));
    }
    return;
  }
  if (!transport::shm::PeerIsTrusted(socket.get())) {
    const std::lock_guard lock(mutex_);
    ++counters_.strangers;
    return;
  }
  UnixStream stream(std::move(socket), stop_.fd(), kRequestMs);
  Serve(stream, /*here=*/true);
}

void Donor::Serve(TransferStream& stream, bool here) {
  TransferRequest request;
  const bool asks =
      stream.Receive(std::as_writable_bytes(std::span(&request, 1))).ok() && request.magic == kTransferMagic;
  if (!asks) {
    const std::lock_guard lock(mutex_);
    ++counters_.strangers;
    return;
  }
  stream.set_patience_ms(options_.patience_ms);
  const absl::Status given =
      !here && request.at_least == kLastSnapshot
          ? Refuse(stream, absl::FailedPreconditionError(
                               "a replica is ended by an operator on its own host, and from nowhere else"))
          : Give(stream, request);
  const std::lock_guard lock(mutex_);
  ++(given.ok()                          ? counters_.given
     : absl::IsFailedPrecondition(given) ? counters_.refused
                                         : counters_.cut_off);
}

absl::Status Donor::Refuse(TransferStream& stream, const absl::Status& why) {
  if (absl::Status sent = SendRefusal(stream, {why.message().data(), why.message().size()}); !sent.ok()) {
    return sent;
  }
  return absl::FailedPreconditionError(why.message());
}

absl::Status Donor::Give(TransferStream& stream, const TransferRequest& request) {
  if (request.version != kTransferVersion) {
    return Refuse(stream,
                  absl::FailedPreconditionError(absl::StrCat(
                      "snapshots are given here by version ", kTransferVersion, ", you ask by version ",
                      request.version, "; run one release on all replicas")));
  }
  if (request.group != options_.origin.group.value()) {
    return Refuse(stream, absl::FailedPreconditionError(
                              absl::StrCat("this replica is of another group, or another bootstrap of it: \"",
                                           options_.origin.group_name, "\" in epoch ", options_.origin.epoch,
                                           "; look whether both use one config and directory")));
  }
  if (request.at_least == kLastSnapshot) {
    return GiveLast(stream, request);
  }
  absl::StatusOr<std::unique_ptr<SnapshotReader>> kept = Kept(request.at_least);
  for (int attempt = 0; !kept.ok() && attempt < kAttempts; ++attempt) {
    absl::Status taken = Ask(stream, request.at_least);
    if (absl::IsCancelled(taken) || absl::IsUnavailable(taken) || absl::IsDeadlineExceeded(taken)) {
      return taken;
    }
    if (!taken.ok()) {
      return Refuse(stream, taken);
    }
    // One that was taken since is fresh.
    kept = Kept(request.at_least == kFreshSnapshot ? 0 : request.at_least);
  }
  if (!kept.ok()) {
    return Refuse(stream, kept.status());
  }
  const absl::Status sent = Pass(stream, request, **kept);
  if (absl::IsDataLoss(sent)) {
    // Nobody is to be given it again: the next who asks gets a new one.
    ::unlink(options_.snapshot_path.c_str());
    const std::lock_guard lock(mutex_);
    ++counters_.damaged;
  }
  return sent;
}

absl::Status Donor::Pass(TransferStream& stream, const TransferRequest& request, SnapshotReader& snapshot) {
  return SendSnapshot(stream, request, snapshot, [this](std::uint64_t bytes) { return Sent(bytes); });
}

void Donor::SetOperator(int socket) {
  const std::lock_guard lock(mutex_);
  operator_ = socket;
}

bool Donor::OperatorWaits() const {
  const std::lock_guard lock(mutex_);
  pollfd waited = {.fd = operator_, .events = POLLRDHUP, .revents = 0};
  return operator_ >= 0 && ::poll(&waited, 1, 0) == 0;
}

absl::Status Donor::GiveLast(TransferStream& stream, const TransferRequest& request) {
  SetOperator(stream.socket());
  absl::Status taken = Ask(stream, request.at_least);
  SetOperator(-1);
  if (absl::IsCancelled(taken)) {
    return taken;
  }
  if (!taken.ok()) {
    return Refuse(stream, taken);
  }
  const absl::StatusOr<std::unique_ptr<SnapshotReader>> last = SnapshotReader::Open(options_.last_path);
  return last.ok() ? Pass(stream, request, **last) : Refuse(stream, last.status());
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> Donor::Kept(std::uint64_t at_least) const {
  if (at_least == kFreshSnapshot) {
    return absl::NotFoundError("none is fresh");
  }
  absl::StatusOr<std::unique_ptr<SnapshotReader>> kept = SnapshotReader::Open(options_.snapshot_path);
  if (!kept.ok()) {
    return kept.status();
  }
  if (absl::Status status = CheckOrigin((*kept)->facts().origin, options_.origin, (*kept)->name());
      !status.ok()) {
    return status;
  }
  if (const std::uint64_t position = (*kept)->facts().cursor.position.value(); position < at_least) {
    return absl::FailedPreconditionError(absl::StrCat("the last snapshot here is of position ", position,
                                                      ", one of ", at_least, " or later is asked for"));
  }
  return kept;
}

absl::Status Donor::Ask(TransferStream& stream, std::uint64_t at_least) {
  at_least_.store(at_least, std::memory_order_release);
  const std::uint64_t number = asked_.fetch_add(1, std::memory_order_acq_rel) + 1;
  for (;;) {
    absl::Status outcome;
    if (AwaitAnswer(number, outcome)) {
      return outcome;
    }
    // Either the time is up, or this thread is to stop: then the stream says so.
    if (absl::Status status = SendWait(stream); !status.ok()) {
      return status;
    }
    if (AwaitReadable(stop_.fd(), stop_.fd(), 0).stop) {
      return absl::CancelledError("the replica is being closed");
    }
  }
}

bool Donor::AwaitAnswer(std::uint64_t number, absl::Status& outcome) {
  const std::uint64_t until_ns = NowNs() + std::uint64_t{kWaitMs} * 1'000'000;
  for (;;) {
    answer_ready_.Clear();
    {
      const std::lock_guard lock(mutex_);
      if (answered_ >= number) {
        outcome = outcome_;
        return true;
      }
    }
    const std::uint64_t now_ns = NowNs();
    if (now_ns >= until_ns) {
      return false;
    }
    const auto left_ms = static_cast<int>((until_ns - now_ns) / 1'000'000) + 1;
    if (AwaitReadable(answer_ready_.fd(), stop_.fd(), left_ms).stop) {
      return false;
    }
  }
}

// Keeps to the bandwidth: what was sent has to take its time.
absl::Status Donor::Sent(std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    counters_.bytes_given += bytes;
  }
  if (options_.bytes_per_second == 0) {
    return absl::OkStatus();
  }
  constexpr std::uint64_t kNsPerS = 1'000'000'000;
  const auto takes_ns = static_cast<std::uint64_t>(static_cast<double>(bytes) * kNsPerS /
                                                   static_cast<double>(options_.bytes_per_second));
  next_send_ns_ = std::max(next_send_ns_, NowNs()) + takes_ns;
  for (std::uint64_t now_ns = NowNs(); now_ns < next_send_ns_; now_ns = NowNs()) {
    const auto left_ms = std::min<std::uint64_t>((next_send_ns_ - now_ns) / 1'000'000 + 1, kWaitMs);
    if (AwaitReadable(stop_.fd(), stop_.fd(), static_cast<int>(left_ms)).stop) {
      return absl::CancelledError("the replica is being closed");
    }
  }
  return absl::OkStatus();
}

}  // namespace gaios::rsm
