#include "gaios/cli/demo/journaled_machine.h"

#include <cstring>

#include "gaios/rsm/order_book/commands.h"

namespace gaios::cli {
namespace {

bool IsNewOrder(std::span<const std::byte> bytes) {
  return !bytes.empty() && bytes.front() == static_cast<std::byte>(order_book::CommandKind::kNewOrder);
}

}  // namespace

std::optional<Fault> ParseFault(const std::string& name) {
  if (name == "lose") {
    return Fault::kLose;
  }
  if (name == "duplicate") {
    return Fault::kDuplicate;
  }
  if (name == "reorder") {
    return Fault::kReorder;
  }
  if (name == "diverge") {
    return Fault::kDiverge;
  }
  return std::nullopt;
}

void JournaledMachine::Apply(const rsm::Command& command, rsm::Reply& reply) {
  std::uint64_t number = 0;
  if (command.bytes.size() < sizeof(number)) {
    return;
  }
  rsm::Command inner = command;
  inner.bytes = command.bytes.first(command.bytes.size() - sizeof(number));
  std::memcpy(&number, command.bytes.data() + inner.bytes.size(), sizeof(number));

  Fault fault = Fault::kNone;
  if (fault_ != Fault::kNone && number >= kFaultyCommand && IsNewOrder(inner.bytes)) {
    fault = std::exchange(fault_, Fault::kNone);
  }
  switch (fault) {
    case Fault::kLose:
      return;
    case Fault::kDiverge:
      Journal(number, command.slot);
      return;
    case Fault::kReorder:
      held_back_bytes_.assign(inner.bytes.begin(), inner.bytes.end());
      held_back_ = inner;
      held_back_->bytes = held_back_bytes_;
      held_back_number_ = number;
      return;
    case Fault::kNone:
    case Fault::kDuplicate:
      break;
  }
  Run(inner, number, reply);
  if (fault == Fault::kDuplicate) {
    reply.Clear();
    Run(inner, number, reply);
  }
  if (const std::optional<rsm::Command> earlier = std::exchange(held_back_, std::nullopt);
      earlier.has_value()) {
    rsm::Reply nobodys(nobodys_reply_);
    Run(*earlier, held_back_number_, nobodys);
  }
}

void JournaledMachine::Run(const rsm::Command& command, std::uint64_t number, rsm::Reply& reply) {
  inner_->Apply(command, reply);
  Journal(number, command.slot);
}

absl::Status JournaledMachine::Save(rsm::SnapshotSink& sink) const {
  if (absl::Status status = sink.Append(std::as_bytes(std::span(&ran_, 1))); !status.ok()) {
    return status;
  }
  return inner_->Save(sink);
}

absl::Status JournaledMachine::Restore(rsm::SnapshotSource& source) {
  std::uint64_t ran = 0;
  if (absl::Status status = source.Read(std::as_writable_bytes(std::span(&ran, 1))); !status.ok()) {
    return status;
  }
  if (absl::Status status = inner_->Restore(source); !status.ok()) {
    return status;
  }
  ran_ = ran;
  journal_full_ = !journal_->Append({Record::kRestored, ran, inner_->StateHash()}) || journal_full_;
  return absl::OkStatus();
}

void JournaledMachine::Journal(std::uint64_t number, std::uint64_t slot) {
  ++ran_;
  journal_full_ = !journal_->Append({number, slot, inner_->StateHash()}) || journal_full_;
}

}  // namespace gaios::cli
