#ifndef GAIOS_PAXOS_FOLLOWER_SET_H_
#define GAIOS_PAXOS_FOLLOWER_SET_H_

// The followers of one leader, and the counting over them and the leader itself. Values without behaviour of
// the protocol; Leader decides. One thread.
//
// That all who are written to have accepted the log up to one position is noted once, and so is what was
// posted to all of them together; both are written into each link when somebody next looks at one: no reader
// sees the links without it. And whoever may have changed a link is noticed: what was found out about them is
// to be found out anew.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/configuration.h"
#include "gaios/paxos/follower_link.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/posted_together.h"
#include "gaios/paxos/quorum.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class FollowerSet {
 public:
  void Clear() {
    size_ = 0;
    places_ = {};
    note_ = {};
    together_.Begin(Position());
    unchanged_ = false;
  }
  // A new follower, as FollowerLink() has it.
  [[nodiscard]] FollowerLink& Add(Member member) {
    GAIOS_CHECK(size_ < links_.size(), "more followers than kMaxReplicas");
    WriteDown();
    unchanged_ = false;
    FollowerLink& link = links_[size_++];
    link = {};
    link.member = member;
    places_[member.id.value()] = static_cast<std::uint8_t>(size_);
    return link;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<FollowerLink> all() {
    WriteDown();
    unchanged_ = false;
    return {links_.data(), size_};
  }
  [[nodiscard]] std::span<const FollowerLink> all() const {
    WriteDown();
    return {links_.data(), size_};
  }

  [[nodiscard]] FollowerLink* Find(ReplicaId id) {
    WriteDown();
    unchanged_ = false;
    const std::size_t place = id.value() < places_.size() ? places_[id.value()] : 0;
    return place == 0 ? nullptr : &links_[place - 1];
  }
  [[nodiscard]] const FollowerLink* Find(ReplicaId id) const {
    WriteDown();
    const std::size_t place = id.value() < places_.size() ? places_[id.value()] : 0;
    return place == 0 ? nullptr : &links_[place - 1];
  }

  // For whoever moves nothing but how far a link has completed: what is under way, `acked` and `acked_ns`.
  // Whoever changes more of it calls NoteChanged before.
  [[nodiscard]] FollowerLink* FindToComplete(ReplicaId id) {
    WriteDown();
    const std::size_t place = id.value() < places_.size() ? places_[id.value()] : 0;
    return place == 0 ? nullptr : &links_[place - 1];
  }

  // Whether nobody has had a link to change since the last call of NoteUnchanged, but by notes or to
  // complete, and whoever called it and has it still. As long as this holds those who are written to together
  // are who they were.
  [[nodiscard]] bool unchanged() const { return unchanged_; }
  void NoteUnchanged() { unchanged_ = true; }
  void NoteChanged() { unchanged_ = false; }

  // All `count` that are written to, but for those that are being filled, had completed the log up to
  // `range.from`, where the last such note ends if it is not written down yet, and have now, at `now`,
  // accepted `range` (P5). References to links that were got before do not show it.
  [[gnu::always_inline]] void NoteAccepted(Range range, std::size_t count, TimeNs now) {
    if (note_.count == 0) {
      note_.from = range.from;
      note_.count = count;
    }
    note_.to = range.to;
    note_.at_ns = now;
  }

  // Those who are written to together from now on are `links`, of this set, all of which have been posted the
  // log up to `at`.
  void Form(Position at, std::span<FollowerLink* const> links) {
    WriteDown();
    together_.Begin(at);
    for (const FollowerLink* const link : links) {
      together_.Add(*link, static_cast<std::size_t>(link - links_.data()));
    }
  }
  [[nodiscard]] const PostedTogether& together() const { return together_; }
  // To each of them the log has been posted up to `end` by one more write.
  [[gnu::always_inline]] void NotePosted(Position end) { together_.NotePosted(end); }
  // Whether another may be posted: see PostedTogether.
  [[nodiscard]] bool LookForRoom(std::size_t depth, std::size_t straggler_depth, bool& straggles);
  // What was posted to each of them has completed up to the token that it carries in `written`. Returns how
  // far the first of those that count has accepted the log, where that is new; else Position().
  [[gnu::always_inline]] Position NoteCompleted(std::span<const WriteTarget> written, TimeNs now) {
    bool older = false;
    const Position reached = together_.NoteCompleted(written, now, older);
    return !older ? reached : std::max(reached, CompleteInLinks(written, now));
  }
  // How far the one of them that is number `i` has accepted the log.
  [[nodiscard]] Position AckedTogether(std::size_t i) const {
    return std::max(together_.Acked(i), links_[together_.place(i)].acked);
  }
  // Whether one of them has nothing under way and a commit word below `commit`.
  [[nodiscard]] bool AnyWaitsForWord(Position commit) const;

  // Those that count and satisfy `predicate`.
  template <typename Predicate>
  [[nodiscard]] ReplicaSet Where(Predicate predicate) const {
    ReplicaSet found;
    for (const FollowerLink& link : all()) {
      if (link.counts && predicate(link)) {
        found.Add(link.member.id);
      }
    }
    return found;
  }

  // The largest value that a majority of `configuration` has reached: `leader` itself, if it votes there,
  // `own`, and each follower that counts what `value` says of it. Value() when too few count.
  template <typename Value, typename Function>
  [[nodiscard]] Value ReachedBy(const Configuration& configuration, Member leader, Value own,
                                Function value) const {
    std::array<Value, kMaxReplicas> values;
    std::size_t size = 0;
    if (configuration.IsVoter(leader)) {
      values[size++] = own;
    }
    for (const FollowerLink& link : all()) {
      if (link.counts && configuration.voting().Contains(link.member.id)) {
        values[size++] = value(link);
      }
    }
    const std::size_t majority = configuration.majority();
    return size < majority ? Value() : paxos::ReachedBy<Value>(majority, {values.data(), size});
  }

 private:
  struct Note {
    Position from;
    Position to;
    std::size_t count = 0;  // of those it is about; 0: there is none
    TimeNs at_ns = 0;       // when the last of it was
  };

  [[gnu::always_inline]] void WriteDown() const {
    if (note_.count != 0) {
      WriteNoteDown();
    }
    if (together_.noted()) {
      WriteTogetherDown();
    }
  }
  void WriteNoteDown() const;
  void WriteTogetherDown() const;
  [[nodiscard]] Position CompleteInLinks(std::span<const WriteTarget> written, TimeNs now);

  bool unchanged_ = false;
  // What WriteDown changes is seen as it is after that alone.
  mutable Note note_;
  mutable PostedTogether together_;
  mutable std::array<FollowerLink, kMaxReplicas> links_;
  std::array<std::uint8_t, kMaxReplicas> places_ = {};  // by id: place in links_ plus one, 0 for none
  std::size_t size_ = 0;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_FOLLOWER_SET_H_
