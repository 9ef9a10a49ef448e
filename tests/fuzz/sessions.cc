// Client sessions against a model that forgets nothing: whatever sessions are opened, whatever numbers their
// commands have and however long the replies are, a command is run once, in its order, and a reply that is
// given again is the one that was given first.

#include "gaios/rsm/sessions.h"

#include <algorithm>
#include <map>
#include <vector>

#include "gaios/base/check.h"

#include "tests/fuzz/choices.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using rsm::SessionCommand;
using rsm::SessionOptions;
using rsm::Sessions;
using Reply = std::vector<std::byte>;

struct Model {
  std::vector<Reply> replies;  // to commands 1, 2, ...
  std::uint64_t used_ns = 0;

  [[nodiscard]] std::uint64_t last() const { return replies.size(); }

  // Whether a reply must still be there: all from it on fit into the memory, even when some of it is lost
  // where the memory wraps.
  [[nodiscard]] bool MustKeep(std::uint64_t sequence, std::size_t memory) const {
    if (sequence + Sessions::kWindow <= last()) {
      return false;
    }
    std::size_t total = 0;
    std::size_t largest = 0;
    for (std::uint64_t each = sequence; each <= last(); ++each) {
      const std::size_t size = replies[each - 1].size();
      if (size > memory) {
        return false;  // it makes no difference to others, but is simpler to leave out
      }
      total += size;
      largest = std::max(largest, size);
    }
    return sequence == last() || total + largest <= memory;
  }
};

class Both {
 public:
  explicit Both(const SessionOptions& options) : options_(options), sessions_(options) {}

  void Open(std::uint64_t time_ns) {
    const std::uint64_t id = next_id_++;
    const bool full = models_.size() == options_.max_sessions;
    std::uint64_t oldest_ns = time_ns;
    for (const auto& [other, model] : models_) {
      oldest_ns = std::min(oldest_ns, model.used_ns);
    }
    const bool opened = sessions_.Open(id, time_ns);
    GAIOS_CHECK(opened == (!full || time_ns - oldest_ns >= options_.idle_timeout_ns),
                "a session is refused when there is no room and nobody is idle");
    if (!opened) {
      return;
    }
    if (full) {
      std::erase_if(models_, [this](const auto& each) { return !StillKnown(each.first, each.second); });
      GAIOS_CHECK(models_.size() + 1 == options_.max_sessions, "one session makes room");
    }
    models_[id].used_ns = time_ns;
    GAIOS_CHECK(sessions_.size() == models_.size(), "the sessions that are open are counted");
  }

  void Submit(SessionCommand command, std::uint64_t time_ns, std::size_t reply_size) {
    std::span<const std::byte> kept;
    const Sessions::Verdict verdict = sessions_.Judge(command, time_ns, kept);
    const auto found = models_.find(command.session);
    if (found == models_.end()) {
      GAIOS_CHECK(verdict == Sessions::Verdict::kExpired, "a session that is not open is not known");
      return;
    }
    Model& model = found->second;
    model.used_ns = std::max(model.used_ns, time_ns);
    if (command.sequence == model.last() + 1) {
      GAIOS_CHECK(verdict == Sessions::Verdict::kRun, "the next command is run");
      // Bytes that say whose they are.
      Reply reply(reply_size);
      for (std::size_t i = 0; i < reply.size(); ++i) {
        reply[i] = static_cast<std::byte>(command.session * 31 + command.sequence * 7 + i);
      }
      sessions_.Finish(reply);
      model.replies.push_back(std::move(reply));
    } else if (command.sequence == 0 || command.sequence > model.last()) {
      GAIOS_CHECK(verdict == Sessions::Verdict::kOutOfOrder, "a command out of order is not run");
    } else if (verdict == Sessions::Verdict::kDuplicate) {
      const Reply& reply = model.replies[command.sequence - 1];
      GAIOS_CHECK(std::equal(kept.begin(), kept.end(), reply.begin(), reply.end()),
                  "a reply is the one that was given first");
    } else {
      GAIOS_CHECK(verdict == Sessions::Verdict::kReplyForgotten, "a command is run once");
      GAIOS_CHECK(!model.MustKeep(command.sequence, options_.reply_bytes),
                  "replies are kept as long as they fit");
    }
  }

 private:
  // Without using it: number 0 is of no command.
  [[nodiscard]] bool StillKnown(std::uint64_t id, const Model& model) {
    std::span<const std::byte> reply;
    return sessions_.Judge({id, 0}, model.used_ns, reply) != Sessions::Verdict::kExpired;
  }

  const SessionOptions options_;
  Sessions sessions_;
  std::map<std::uint64_t, Model> models_;
  std::uint64_t next_id_ = 1;
};

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  Choices choices(input);
  SessionOptions options;
  options.max_sessions = 1 + choices.Below(6);
  options.reply_bytes = 1 + choices.Take<std::uint8_t>();
  options.idle_timeout_ns = choices.Below(16);
  Both both(options);
  std::uint64_t time_ns = 1;
  std::map<std::uint64_t, std::uint64_t> sent;
  while (!choices.empty()) {
    time_ns += choices.Below(4);
    const std::uint8_t action = choices.Below(16);
    if (action == 0) {
      both.Open(time_ns);
      continue;
    }
    const std::uint64_t session = choices.Below(16);
    if (action == 1) {
      both.Submit({session, choices.Take<std::uint64_t>()}, time_ns, 1);
      continue;
    }
    // Mostly the next number, sometimes one before.
    std::uint64_t& last = sent[session];
    const std::uint64_t back = action < 6 ? choices.Below(70) : 0;
    both.Submit({session, back < last ? last - back + (back == 0 ? 1 : 0) : last + 1}, time_ns,
                choices.Take<std::uint16_t>() % (options.reply_bytes + 2));
    last += back == 0 ? 1 : 0;
  }
}

}  // namespace gaios::fuzz
