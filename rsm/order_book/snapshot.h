#ifndef GAIOS_RSM_ORDER_BOOK_SNAPSHOT_H_
#define GAIOS_RSM_ORDER_BOOK_SNAPSHOT_H_

// A market as a stream of bytes. Little-endian, in this order:
//
//   header    magic, format version, instruments, max_orders, number of resting orders, state hash
//   counters  of every instrument, by id
//   orders    of every instrument, by id: bids then asks, best level first, in each level the first order
//   first checksum  XXH3 over all of the above
//
// The bytes are a function of the state alone: replicas with equal states write equal snapshots.
//
// A snapshot is believed when its checksum holds, its contents make a book that could have come about, and
// the state hash computed from them is the one in its header. What is wrong is named in the status.

#include <memory>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/rsm/order_book/market.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::order_book {

[[nodiscard]] absl::Status SaveMarket(const Market& market, rsm::SnapshotSink& sink);

// A new market with the snapshot's contents. `options` must be those of the machine that saved it.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Market>> RestoreMarket(const OrderBookOptions& options,
                                                                    rsm::SnapshotSource& source);

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_SNAPSHOT_H_
