#ifndef GAIOS_CLI_DEMO_JOURNALED_MACHINE_H_
#define GAIOS_CLI_DEMO_JOURNALED_MACHINE_H_

// The state machine of a replica of the demo: another one, and a journal of every command that it is made to
// run, with the state hash after it. Stands outside the library, so that it sees what the library does and
// not what it says. It also does the damage of --inject-fault, to show that the verdict finds it.
//
// Commands end in eight bytes that the inner machine does not see: their number, by the client.
//
// Threads: as StateMachine.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "gaios/cli/demo/record_file.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::cli {

enum class Fault : std::uint8_t {
  kNone,
  kLose,       // a command is not run
  kDuplicate,  // a command is run twice
  kReorder,    // a command is run after the one that follows it
  kDiverge,    // a command is journaled but not run, here only: the state differs from that of the others
};
// "lose", "duplicate", "reorder" or "diverge".
[[nodiscard]] std::optional<Fault> ParseFault(const std::string& name);

class JournaledMachine final : public rsm::StateMachine {
 public:
  // The fault befalls the first new order with this number or a higher one.
  static constexpr std::uint64_t kFaultyCommand = 10;

  JournaledMachine(std::unique_ptr<rsm::StateMachine> inner, std::unique_ptr<RecordWriter> journal,
                   Fault fault)
      : inner_(std::move(inner)), journal_(std::move(journal)), fault_(fault) {}

  void Apply(const rsm::Command& command, rsm::Reply& reply) override;
  [[nodiscard]] std::uint32_t PrefetchDistance() const override { return inner_->PrefetchDistance(); }
  void Prefetch(std::span<const std::byte> command) override { inner_->Prefetch(command); }
  [[nodiscard]] std::uint64_t StateHash() const override { return inner_->StateHash(); }
  // With how many commands were run, so that the journal of whoever restores it says where it goes on.
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& sink) const override;
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& source) override;

  // The journal could not be made longer: what was run since is not in it.
  [[nodiscard]] bool journal_full() const { return journal_full_; }

 private:
  void Run(const rsm::Command& command, std::uint64_t number, rsm::Reply& reply);
  void Journal(std::uint64_t number, std::uint64_t slot);

  std::unique_ptr<rsm::StateMachine> inner_;
  std::unique_ptr<RecordWriter> journal_;
  Fault fault_;
  std::optional<rsm::Command> held_back_;  // kReorder: to be run after the next command
  std::vector<std::byte> held_back_bytes_;
  std::uint64_t held_back_number_ = 0;
  std::uint64_t ran_ = 0;  // commands, earlier ones that a snapshot stands for included
  std::array<std::byte, rsm::kMaxReplyBytes> nobodys_reply_ = {};
  bool journal_full_ = false;
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_JOURNALED_MACHINE_H_
