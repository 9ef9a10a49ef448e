#ifndef GAIOS_TRANSPORT_VERBS_WORK_STATUS_H_
#define GAIOS_TRANSPORT_VERBS_WORK_STATUS_H_

// Every status that a work completion may have, by name, and what it says of the queue pair. Pure functions;
// any thread.

#include <infiniband/verbs.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gaios::transport::verbs {

// Statuses of libibverbs are numbered from 0 without gaps; one more stands for numbers that it does not have.
inline constexpr std::size_t kWorkStatuses = 25;

enum class WorkVerdict : std::uint8_t {
  kDone,
  kRefused,      // the other end would not: a fence, or a defect
  kUnreachable,  // the other end has not answered, or not as it should
  kFlushed,      // a consequence of an earlier failure of the same queue pair
  kLocal,        // something is wrong at this end: a defect of ours or of the device
};

[[nodiscard]] WorkVerdict JudgeWork(ibv_wc_status status);
// "REM_ACCESS_ERR"; "unknown" for a number that is none.
[[nodiscard]] std::string_view WorkStatusName(ibv_wc_status status);
// Where to count it: below kWorkStatuses.
[[nodiscard]] std::size_t WorkStatusIndex(ibv_wc_status status);

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_WORK_STATUS_H_
