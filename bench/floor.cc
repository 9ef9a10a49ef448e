#include "bench/floor.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::bench {

absl::StatusOr<std::unique_ptr<Floor>> Floor::Start(const FloorOptions& options, const Placement& placement) {
  GAIOS_CHECK(base::IsPowerOfTwo(options.capacity_bytes) && options.peers <= paxos::kMaxReplicas,
              "rings are powers of two, one for each peer");
  auto page = SharedPage<Page>::Create();
  if (!page.ok()) {
    return page.status();
  }
  std::unique_ptr<Floor> floor(new Floor(options, *std::move(page)));
  floor->entry_.resize(kMaxFloorEntryBytes);
  floor->space_end_ = options.capacity_bytes;
  for (std::size_t i = 0; i < options.peers; ++i) {
    const int fd = memfd_create("gaios-bench-floor", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, static_cast<off_t>(options.capacity_bytes)) != 0) {
      return absl::ResourceExhaustedError(std::string("no memory for the floor's ring: ") +
                                          std::generic_category().message(errno));
    }
    void* const memory =
        mmap(nullptr, options.capacity_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    close(fd);
    if (memory == MAP_FAILED) {
      return absl::ResourceExhaustedError(std::string("cannot map the floor's ring: ") +
                                          std::generic_category().message(errno));
    }
    floor->rings_.push_back({static_cast<std::byte*>(memory)});
    if (!options.readers) {
      continue;
    }
    auto child = ChildProcess::Fork(placement.follower_cpu, [&options, memory, i, &floor] {
      ReadRing(static_cast<const std::byte*>(memory), options.capacity_bytes, options.idle,
               floor->page_->peers[i].progress.value, floor->page_->stop.value);
      return absl::OkStatus();
    });
    if (!child.ok()) {
      return child.status();
    }
    floor->children_.push_back(*std::move(child));
  }
  return floor;
}

Floor::~Floor() {
  page_->stop.value.store(true, std::memory_order_relaxed);
  for (ChildProcess& child : children_) {
    child.Join();
  }
  for (const Ring& ring : rings_) {
    munmap(ring.bytes, options_.capacity_bytes);
  }
}

bool Floor::Write(std::size_t bytes) {
  GAIOS_CHECK(bytes % paxos::kEntryAlignment == 0 && bytes >= sizeof(EntryMark) && bytes <= entry_.size(),
              "an entry of the floor is of whole cache lines");
  const std::size_t mask = options_.capacity_bytes - 1;
  const std::size_t to_end = options_.capacity_bytes - (end_ & mask);
  const bool wraps = bytes > to_end;
  const std::uint64_t needed = end_ + bytes + (wraps ? to_end : 0);
  if (needed > space_end_) {
    std::uint64_t read = end_;
    for (std::size_t i = 0; i < options_.peers; ++i) {
      read = std::min(read, page_->peers[i].progress.value.read.load(std::memory_order_acquire));
    }
    space_end_ = read + options_.capacity_bytes;
    if (needed > space_end_) {
      return false;
    }
  }
  if (wraps) {
    for (const Ring& ring : rings_) {
      auto* const mark = reinterpret_cast<std::uint64_t*>(ring.bytes + (end_ & mask));
      __atomic_store_n(mark + 1, 0, __ATOMIC_RELAXED);
      __atomic_store_n(mark, end_ + 1, __ATOMIC_RELEASE);
    }
    end_ += to_end;
  }
  const EntryMark mark{end_ + 1, bytes};
  std::memcpy(entry_.data(), &mark, sizeof(mark));
  constexpr std::size_t kLast =
      sizeof(mark.position_plus_one);  // so that a peer never reads what is still to land
  for (const Ring& ring : rings_) {
    std::byte* const to = ring.bytes + (end_ & mask);
    std::memcpy(to + kLast, entry_.data() + kLast, bytes - kLast);
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(to), mark.position_plus_one, __ATOMIC_RELEASE);
  }
  end_ += bytes;
  return true;
}

void Floor::Confirm() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (std::size_t i = 0; i < options_.peers; ++i) {
    GAIOS_CHECK(page_->peers[i].promised.load(std::memory_order_acquire) == 1, "a peer's word never changes");
  }
}

bool Floor::ReadByAll() const {
  for (std::size_t i = 0; i < options_.peers; ++i) {
    if (page_->peers[i].progress.value.read.load(std::memory_order_acquire) != end_) {
      return false;
    }
  }
  return true;
}

void Floor::TakeAsRead() {
  GAIOS_CHECK(!options_.readers, "readers say themselves what they have read");
  for (std::size_t i = 0; i < options_.peers; ++i) {
    page_->peers[i].progress.value.read.store(end_, std::memory_order_release);
  }
}

}  // namespace gaios::bench
