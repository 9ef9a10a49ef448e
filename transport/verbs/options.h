#ifndef GAIOS_TRANSPORT_VERBS_OPTIONS_H_
#define GAIOS_TRANSPORT_VERBS_OPTIONS_H_

// What a VerbsTransport is opened with, and what it counts. Plain values.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "gaios/base/clock.h"
#include "gaios/transport/transport.h"
#include "gaios/transport/verbs/fencing.h"
#include "gaios/transport/verbs/work_status.h"

namespace gaios::transport::verbs {

struct VerbsOptions {
  ReplicaId self;
  // Larger than in every earlier life of this replica; at least 1.
  Incarnation incarnation;
  // Bytes of the ring, a power of two, the same on all replicas. Where the log is registered anew for each
  // grant it counts twice against the limit of locked memory.
  std::size_t capacity = std::size_t{16} << 20;
  // Memory of the log, page-aligned, of LogRegionBytes(capacity) bytes and zero: the ring, which other
  // transports of this replica may have too, and behind it a page that belongs to this transport. It must
  // outlive the transport. Null: its own.
  std::byte* ring = nullptr;
  // Replicas of the group, this one included.
  std::size_t replicas = 3;
  // Must outlive the transport.
  const base::Clock* clock = nullptr;

  // A packet that is not acknowledged is sent again after 4.096 us * 2^ack_timeout, or up to four times as
  // long, and the path is down after `retries` more of these. 13 and 6: about 0.2 to 0.9 s. From 1 to 31, and
  // from 0 to 6: 7 is without end on some devices.
  std::uint8_t ack_timeout = 13;
  std::uint8_t retries = 6;
  // Of packets on Ethernet: the upper six bits are the DSCP that switches sort by.
  std::uint8_t traffic_class = 0;
  std::uint8_t service_level = 0;
  // Writes up to here travel within the work request, if the device takes that many; bytes.
  std::uint32_t inline_bytes = 256;

  // How earlier writers are fenced, when not as ChooseFence says: kQueuePair or kDeregistration.
  std::optional<FenceStrategy> fence;
  // Whether connections are made by a thread of the transport's own. Otherwise Poll makes them, and takes as
  // long as the device does; for tests.
  bool own_thread = true;
};

// What happened off the fast path since the transport was opened. Each only grows.
struct VerbsCounters {
  // Of the own log, the control region and the buffers, on huge pages that were reserved; constant.
  std::uint64_t huge_page_bytes = 0;
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_dropped = 0;    // no link, or too many wait
  std::uint64_t messages_malformed = 0;  // the link is closed
  std::uint64_t links_up = 0;
  std::uint64_t links_down = 0;
  std::uint64_t grants = 0;
  std::uint64_t grants_without_spare = 0;  // the queue pair was not ready when the grant was
  std::uint64_t grants_not_opened = 0;     // the device would not let the holder write: its path is down
  std::uint64_t fences = 0;                // of a path that somebody had
  std::uint64_t fences_retried = 0;        // the device would not; nothing is granted until it does
  std::uint64_t flushes_failed = 0;        // of the read after a fence
  std::uint64_t flushes_replaced = 0;      // the registration was given up instead
  std::uint64_t paths_fenced = 0;          // of ours at peers
  std::uint64_t paths_broken = 0;          // of ours at peers, by an error of the queue pair
  std::uint64_t posts_failed = 0;
  std::uint64_t controls_torn = 0;     // looks at a control region that were taken again
  std::uint64_t late_completions = 0;  // of paths and links that are gone
  std::uint64_t devices_lost = 0;      // 1: it has ended all links for good
  std::uint64_t device_events = 0;     // that it told of by itself
  std::uint64_t port_failures = 0;     // each has ended all links
  // Work completions that were no success, by WorkStatusIndex.
  std::array<std::uint64_t, kWorkStatuses> failed_work = {};
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_OPTIONS_H_
