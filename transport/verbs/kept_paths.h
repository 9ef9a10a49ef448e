#ifndef GAIOS_TRANSPORT_VERBS_KEPT_PATHS_H_
#define GAIOS_TRANSPORT_VERBS_KEPT_PATHS_H_

// The paths that one range after another is posted to, all in one call: a work request for each that is made
// once, and what is under way by numbers alone, since every call posts one to each. Passive state; the
// transport works on it. Belongs to the transport's thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"
#include "gaios/transport/verbs/link.h"

namespace gaios::transport::verbs {

struct KeptPath {
  Link* link = nullptr;
  std::uint64_t first_work = 0;  // id of the first work request
  // The id before that, for what completes. 0 while operations that were posted before are under way: what
  // completes is first for these.
  std::uint64_t before_work = 0;
  std::uint64_t before_token = 0;  // one below the token of the first
  std::uint32_t room = 0;          // how many may be under way
  bool refused = false;            // the queue pair has not taken the last one
  ibv_qp* pair = nullptr;
  std::uint64_t log_address = 0;
  ibv_send_wr work = {};  // as it was posted last
  ibv_sge piece = {};
};

struct KeptPaths {
  std::uint64_t formation = 0;  // 0: not to be kept for another call, or there are none
  std::size_t size = 0;
  std::uint64_t posted = 0;        // to each
  std::uint64_t posted_limit = 0;  // as many as that may be posted, as far as has been looked
  std::uint64_t most_posted = 0;   // then they are kept anew, as numbers of work requests wrap
  bool news = false;               // something has completed that was not told
  std::uint32_t inline_bytes = 0;
  std::array<KeptPath, paxos::kMaxReplicas> paths;
  std::array<WriteTarget, paxos::kMaxReplicas> written;  // as OnWritten tells

  [[nodiscard]] std::span<KeptPath> all() { return {paths.data(), size}; }
  // Whether what these were kept for goes on with `targets`: the same paths, in the same order, and the next
  // token of each. Then nothing need be let go of.
  [[nodiscard]] bool GoOnTo(std::span<const WriteTarget> targets) const {
    if (size == 0 || targets.size() != size) {
      return false;
    }
    for (std::size_t i = 0; i < size; ++i) {
      const WriteTarget& kept = written[i];
      const WriteTarget& target = targets[i];
      if (target.peer != kept.peer || target.acceptor != kept.acceptor || target.grant != kept.grant ||
          target.token != paths[i].before_token + posted + 1) {
        return false;
      }
    }
    return true;
  }
  // How many to path `i` have completed.
  [[nodiscard]] std::uint64_t Done(std::size_t i) const {
    return written[i].token == 0 ? 0 : written[i].token - paths[i].before_token;
  }
  // Looks how many may be posted by now. False: no more than are.
  bool RaiseLimit() {
    std::uint64_t left = most_posted - posted;
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint64_t under_way = posted - Done(i);
      left = std::min(left, under_way < paths[i].room ? paths[i].room - under_way : 0);
    }
    posted_limit = posted + left;
    return left != 0;
  }
  // Takes note that these work requests have completed, and so all before each on its path, up to the first
  // that has failed or is of none of these (P5: what has completed was posted). Returns how many that is.
  [[gnu::always_inline]] std::size_t Take(std::span<const ibv_wc> completions) {
    const std::uint64_t most = posted;  // kept in registers
    const std::size_t paths_size = size;
    std::size_t taken = 0;
    for (; taken < completions.size(); ++taken) {
      const ibv_wc& work = completions[taken];
      if (work.status != IBV_WC_SUCCESS || !TakeOne(work.wr_id, paths_size, most)) [[unlikely]] {
        break;
      }
    }
    news = news || taken != 0;
    return taken;
  }
  [[gnu::always_inline]] bool TakeOne(std::uint64_t work_id, std::size_t paths_size, std::uint64_t most) {
    KeptPath* path = paths.data();
    WriteTarget* target = written.data();
    for (std::size_t i = 0; i < paths_size; ++i, ++path, ++target) {
      const std::uint64_t done = work_id - path->before_work;
      if (done - 1 < most) {
        target->token = path->before_token + done;
        return true;
      }
    }
    return false;
  }
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_KEPT_PATHS_H_
