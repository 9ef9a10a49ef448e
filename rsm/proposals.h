#ifndef GAIOS_RSM_PROPOSALS_H_
#define GAIOS_RSM_PROPOSALS_H_

// Proposals under way: taken by a leader, not answered yet. Those that follow one another in the log, with
// tags that do too and one listener, are kept as one run: a batch costs as much as a command. One thread;
// allocates at construction only.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gaios/base/align.h"

namespace gaios::rsm {

class ProposalListener;

class Proposals {
 public:
  // Who is to be told what became of a proposal.
  struct Asker {
    ProposalListener* listener = nullptr;
    std::uint64_t tag = 0;
  };

  // Room for `most`, at least one.
  explicit Proposals(std::size_t most) : runs_(most), oldest_(runs_.data()) {}
  Proposals(const Proposals&) = delete;
  Proposals& operator=(const Proposals&) = delete;

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::size_t reserved_bytes() const { return runs_.size() * sizeof(Run); }

  // `count` more, with tags from `first_tag` on, at `place` in the log (never 0) and those after it. At most
  // as many are under way as there is room for.
  [[gnu::always_inline]] void Add(std::uint64_t place, std::uint64_t count, ProposalListener& listener,
                                  std::uint64_t first_tag) {
    const std::uint64_t tag_offset = first_tag - place;
    if (count_ == 0) {
      oldest_ = runs_.data();  // the runs at the beginning are in the cache
      newest_ = oldest_;
    } else if (newest_->end == place && newest_->tag_offset == tag_offset && newest_->listener == &listener) {
      newest_->end += count;
      count_ += count;
      return;
    } else {
      newest_ = After(newest_);
    }
    *newest_ = {.place = place, .end = place + count, .tag_offset = tag_offset, .listener = &listener};
    count_ += count;
  }

  // Takes the oldest off, if it stands at `place`.
  [[nodiscard, gnu::always_inline]] bool TakeAt(std::uint64_t place, Asker& asker) {
    if (oldest_->place != place) [[unlikely]] {
      return false;
    }
    asker = TakeOldest();
    return true;
  }
  // Takes the oldest off; there is one.
  [[gnu::always_inline]] Asker TakeOldest() {
    Run& run = *oldest_;
    const std::uint64_t place = run.place;
    const Asker asker{run.listener, place + run.tag_offset};
    --count_;
    if (place + 1 == run.end) {
      run.place = 0;
      if (count_ != 0) [[unlikely]] {
        oldest_ = After(oldest_);
      }
    } else {
      run.place = place + 1;
    }
    return asker;
  }

 private:
  struct alignas(base::kCacheLineBytes) Run {
    std::uint64_t place = 0;       // of the oldest that is left; 0: the run is empty
    std::uint64_t end = 0;         // behind the last
    std::uint64_t tag_offset = 0;  // what is to be added to a place for its tag
    ProposalListener* listener = nullptr;
  };

  [[nodiscard]] Run* After(Run* run) { return run == &runs_.back() ? runs_.data() : run + 1; }

  std::vector<Run> runs_;  // a ring
  Run* oldest_;            // the first that is not empty, if there is one
  Run* newest_ = nullptr;  // the last, likewise
  std::size_t count_ = 0;  // proposals in all of them
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_PROPOSALS_H_
