#ifndef GAIOS_PAXOS_POSTED_TOGETHER_H_
#define GAIOS_PAXOS_POSTED_TOGETHER_H_

// What a leader posts to several followers together: one write to each with every post. So it is counted once
// for all where each post ends, and of each follower no more is kept than how far it has completed.
// FollowerSet writes it into the links before anybody sees one. A value without behaviour of the protocol;
// Leader decides. One thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/paxos/follower_link.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/range_write.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class PostedTogether {
 public:
  // How far one of them has completed, as far as it has been told together.
  struct Progress {
    std::size_t place = 0;  // of its link in the set
    bool counts = false;    // as its link says
    std::uint64_t done_token = 0;
    Position acked;
    TimeNs acked_ns = 0;
  };

  // Nobody is written to together; the log has been posted up to `at`.
  void Begin(Position at) {
    size_ = 0;
    posts_ = written_down_ = limit_ = 0;
    end_ = written_down_to_ = at;
    noted_ = false;
  }
  // And now this one, whose link stands at `place`, is.
  void Add(const FollowerLink& link, std::size_t place) {
    targets_[size_] = {.peer = link.member.id,
                       .acceptor = link.member.incarnation,
                       .grant = link.grant,
                       .token = link.next_token()};
    progress_[size_++] = {.place = place,
                          .counts = link.counts,
                          .done_token = link.done_token(),
                          .acked = link.acked,
                          .acked_ns = link.acked_ns};
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  // Each with the token of the next write to it.
  [[nodiscard]] std::span<const WriteTarget> targets() const { return {targets_.data(), size_}; }
  [[nodiscard]] const Progress& progress(std::size_t i) const { return progress_[i]; }
  [[nodiscard]] std::uint64_t last_token(std::size_t i) const { return targets_[i].token - 1; }

  // One more write to each, up to `end`.
  [[gnu::always_inline]] void NotePosted(Position end) {
    end_ = end;
    ends_[++posts_ % kMaxPostedPerLink] = end;
    for (std::size_t i = 0; i < size_; ++i) {
      ++targets_[i].token;
    }
    noted_ = true;
  }
  // Whether it has to be looked first whether there is room for another.
  [[nodiscard]] bool full() const { return posts_ == limit_; }
  // The first of them may have `depth` writes under way, and the last `straggler_depth`. Whether the first
  // has room; `straggles`: and the last has none.
  [[nodiscard]] bool LookForRoom(std::size_t depth, std::size_t straggler_depth, bool& straggles) {
    std::uint64_t least = kMaxPostedPerLink;
    std::uint64_t most = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const std::uint64_t under_way = last_token(i) - progress_[i].done_token;
      least = std::min(least, under_way);
      most = std::max(most, under_way);
    }
    straggles = most >= straggler_depth;
    if (least >= depth || straggles) {
      limit_ = posts_;
      return least < depth;
    }
    limit_ = posts_ + std::min(depth - least, straggler_depth - most);
    return true;
  }

  // Whether the write of this token is under way to target `i`, as far as is known here.
  [[nodiscard]] bool IsUnderWay(std::size_t i, std::uint64_t token) const {
    const std::uint64_t done_token = progress_[i].done_token;
    return token - done_token - 1 < last_token(i) - done_token;
  }
  // Whether that write is one that the link does not know of yet.
  [[nodiscard]] bool IsNoted(std::size_t i, std::uint64_t token) const {
    return last_token(i) - token < posts_ - written_down_;
  }
  // That write, which is noted, and all before it have completed, at `now`. Returns where it ends.
  [[gnu::always_inline]] Position NoteCompleted(std::size_t i, std::uint64_t token, TimeNs now) {
    const std::uint64_t behind = last_token(i) - token;
    Progress& progress = progress_[i];
    progress.done_token = token;
    progress.acked = ends_[(posts_ - behind) % kMaxPostedPerLink];
    progress.acked_ns = now;
    noted_ = true;
    return progress.acked;
  }

  // Whether there is something that the links do not show yet.
  [[nodiscard]] bool noted() const { return noted_; }
  // Now the link of target `i` shows it.
  void WriteDown(std::size_t i, FollowerLink& link) {
    Progress& progress = progress_[i];
    GAIOS_CHECK(link.stage == FollowerLink::Stage::kActive && link.posted == written_down_to_,
                "P5: who is said to have been posted to had been posted all before it");
    const bool newer = progress.done_token > link.done_token();
    const std::uint64_t last = last_token(i);
    link.NoteWrites(last, progress.done_token, [this, last](std::uint64_t token) {
      return ends_[(posts_ - (last - token)) % kMaxPostedPerLink];
    });
    link.posted = end_;
    if (newer) {
      link.acked = progress.acked;
      link.acked_ns = progress.acked_ns;
    }
    progress.done_token = link.done_token();
    progress.acked = link.acked;
  }
  void AllWrittenDown() {
    written_down_ = posts_;
    written_down_to_ = end_;
    noted_ = false;
  }

 private:
  std::size_t size_ = 0;
  std::uint64_t posts_ = 0;
  std::uint64_t limit_ = 0;         // so many may be posted, as far as has been looked
  std::uint64_t written_down_ = 0;  // so many posts are known to the links, ...
  Position written_down_to_;        // ... which end here
  Position end_;                    // of the last post
  bool noted_ = false;
  std::array<WriteTarget, kMaxReplicas> targets_;
  std::array<Progress, kMaxReplicas> progress_;
  std::array<Position, kMaxPostedPerLink> ends_;  // of the latest posts
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_POSTED_TOGETHER_H_
