#ifndef GAIOS_CLI_DEMO_FLOW_CLIENT_H_
#define GAIOS_CLI_DEMO_FLOW_CLIENT_H_

// The demo's client: sends an order flow at a fixed rate, whatever becomes of earlier commands, and writes
// down what it is told is committed and where its sessions begin. Latency is measured from when a command was
// due, not from when it could be sent, so that a stall of the group shows in full. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/base/histogram.h"
#include "gaios/cli/demo/book_outcomes.h"
#include "gaios/cli/demo/order_flow.h"
#include "gaios/cli/demo/record_file.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/config.h"

namespace gaios::cli {

class FlowClient final : private rsm::ClientListener {
 public:
  // Where its records go (record_file.h).
  struct Paths {
    std::string acks;
    std::string sessions;
  };
  // `clock` must outlive the client.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FlowClient>> Open(const rsm::Config& config,
                                                                        const Paths& paths,
                                                                        std::unique_ptr<OrderFlow> flow,
                                                                        const base::Clock& clock);
  // Commands are due from now on, so many a second.
  void Begin(double rate_per_s);
  // Sends what is due and takes what has been answered. Returns whether there was anything to do.
  bool Turn();
  // No more commands from now on; those under way are still answered, by Turn.
  void End() { ended_ = true; }

  // The flow has ended, or was ended, and everything is answered.
  [[nodiscard]] bool finished() const { return ended_ && client_->outstanding() == 0; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::size_t outstanding() const { return client_->outstanding(); }
  [[nodiscard]] std::uint64_t submitted() const { return submitted_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t unknown() const { return unknown_; }
  // Acknowledgements or sessions could not all be written down.
  [[nodiscard]] bool records_full() const { return records_full_; }
  [[nodiscard]] const BookOutcomes& book() const { return book_; }
  [[nodiscard]] const OrderFlow& flow() const { return *flow_; }

  // Of all commands, and of those answered since the last call of ResetRecent.
  [[nodiscard]] const base::Histogram& latencies() const { return latencies_; }
  [[nodiscard]] const base::Histogram& recent() const { return recent_; }
  void ResetRecent() { recent_.Reset(); }

  // The longest time without an acknowledgement since the last call of ResetGap.
  [[nodiscard]] std::uint64_t gap_ns() const { return gap_ns_; }
  void ResetGap() { gap_ns_ = 0; }

 private:
  FlowClient(std::unique_ptr<rsm::Client> client, std::unique_ptr<RecordWriter> acks,
             std::unique_ptr<RecordWriter> sessions, std::unique_ptr<OrderFlow> flow,
             const base::Clock& clock);
  bool SubmitDue();
  void OnCommitted(std::uint64_t tag, std::uint64_t slot, rsm::Applied how,
                   std::span<const std::byte> reply) override;
  void OnUnknown(std::uint64_t tag) override;

  std::unique_ptr<rsm::Client> client_;
  std::unique_ptr<RecordWriter> acks_;
  std::unique_ptr<RecordWriter> sessions_;
  std::unique_ptr<OrderFlow> flow_;
  const base::Clock& clock_;
  double interval_ns_ = 0;
  std::uint64_t begin_ns_ = 0;
  std::uint64_t now_ns_ = 0;
  std::uint64_t due_ns_ = 0;                  // of the command after `submitted_`
  std::span<const std::byte> next_;           // that command, when it has been taken from the flow
  std::vector<std::uint64_t> due_under_way_;  // by number, modulo its size
  bool ended_ = false;
  bool new_session_ = true;  // the next command is the first of one
  bool records_full_ = false;
  BookOutcomes book_;
  std::uint64_t submitted_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t unknown_ = 0;
  std::uint64_t last_ack_ns_ = 0;
  std::uint64_t gap_ns_ = 0;
  base::Histogram latencies_;
  base::Histogram recent_;
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_FLOW_CLIENT_H_
