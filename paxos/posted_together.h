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
  // Nobody is written to together; the log has been posted up to `at`.
  void Begin(Position at) {
    size_ = 0;
    posts_ = limit_ = 0;
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
                          .before_token = link.next_token() - 1,
                          .done_token = link.done_token(),
                          .acked_ns = link.acked_ns};
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  // Each with the token of the next write to it.
  [[nodiscard]] std::span<const WriteTarget> targets() const { return {targets_.data(), size_}; }
  // Of the link of target `i` in the set.
  [[nodiscard]] std::size_t place(std::size_t i) const { return progress_[i].place; }
  // Writes to target `i`, as far as is known here.
  [[nodiscard]] std::uint64_t under_way(std::size_t i) const {
    return targets_[i].token - 1 - progress_[i].done_token;
  }

  // One more write to each, up to `end`.
  [[gnu::always_inline]] void NotePosted(Position end) {
    end_ = end;
    ends_[++posts_ % kEnds] = end;
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
      least = std::min(least, under_way(i));
      most = std::max(most, under_way(i));
    }
    straggles = most >= straggler_depth;
    if (least >= depth || straggles) {
      limit_ = posts_;
      return least < depth;
    }
    limit_ = posts_ + std::min(depth - least, straggler_depth - most);
    return true;
  }

  // What each has completed up to the token it carries, as known at `now`. Returns how far the first that
  // counts has accepted the log by what is new in that, or Position(). `older`: writes that were posted
  // before these were written to together are among what is new, and left to the links.
  [[gnu::always_inline]] Position NoteCompleted(std::span<const WriteTarget> written, TimeNs now,
                                                bool& older) {
    std::uint64_t most = 0;
    for (std::size_t i = 0; i < written.size(); ++i) {
      const std::uint64_t token = written[i].token;
      Progress& progress = progress_[i];
      if (token - progress.done_token - 1 >= under_way(i)) {
        continue;  // nothing new
      }
      const std::uint64_t post = token - progress.before_token;
      if (post - 1 >= posts_) [[unlikely]] {
        older = true;
        continue;
      }
      progress.done_token = token;
      progress.acked_ns = now;
      if (progress.counts) {
        most = std::max(most, post);
      }
    }
    noted_ = true;
    return most == 0 ? Position() : ends_[most % kEnds];
  }
  // Target `i` has completed its link's writes up to where that stands.
  void NoteLink(std::size_t i, const FollowerLink& link) { progress_[i].done_token = link.done_token(); }
  // How far target `i` has accepted the log by what was posted together; Position(): by none of that.
  [[nodiscard]] Position Acked(std::size_t i) const {
    const std::uint64_t post = progress_[i].done_token - progress_[i].before_token;
    return post - 1 < posts_ ? ends_[post % kEnds] : Position();
  }

  // Whether there is something that the links do not show yet.
  [[nodiscard]] bool noted() const { return noted_; }
  // Now the link of target `i` shows it.
  void WriteDown(std::size_t i, FollowerLink& link) {
    Progress& progress = progress_[i];
    GAIOS_CHECK(link.stage == FollowerLink::Stage::kActive && link.posted == written_down_to_,
                "P5: who is said to have been posted to had been posted all before it");
    if (progress.done_token > link.done_token()) {
      link.acked = Acked(i);
      link.acked_ns = progress.acked_ns;
    }
    link.NoteWrites(targets_[i].token - 1, progress.done_token, [this, &progress](std::uint64_t token) {
      return ends_[(token - progress.before_token) % kEnds];
    });
    link.posted = end_;
    NoteLink(i, link);
  }
  void AllWrittenDown() {
    written_down_to_ = end_;
    noted_ = false;
  }

 private:
  // How far one of them has completed, as far as it has been told together.
  struct Progress {
    std::size_t place = 0;           // of its link in the set
    bool counts = false;             // as its link says
    std::uint64_t before_token = 0;  // one below that of its write of the first post
    std::uint64_t done_token = 0;
    TimeNs acked_ns = 0;
  };

  // Those of what is under way, and of what has completed last.
  static constexpr std::size_t kEnds = 2 * kMaxPostedPerLink;

  std::size_t size_ = 0;
  std::uint64_t posts_ = 0;
  std::uint64_t limit_ = 0;   // so many may be posted, as far as has been looked
  Position written_down_to_;  // end of what is known to the links
  Position end_;              // of the last post
  bool noted_ = false;
  std::array<WriteTarget, kMaxReplicas> targets_;
  std::array<Progress, kMaxReplicas> progress_;
  std::array<Position, kEnds> ends_;  // of the latest posts
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_POSTED_TOGETHER_H_
