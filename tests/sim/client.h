#ifndef GAIOS_TESTS_SIM_CLIENT_H_
#define GAIOS_TESTS_SIM_CLIENT_H_

// One client of a group: opens a session, keeps some commands under way in it, and sends what is not
// answered again, to whoever may lead, until it is; reads now and then; and sends a few commands of no
// session, once each, whose outcome it may never learn. Everything goes into the record. One thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/digest.h"
#include "tests/sim/mail.h"
#include "tests/sim/order_flow.h"
#include "tests/sim/random.h"
#include "tests/sim/record.h"
#include "tests/sim/trace.h"

namespace gaios::sim {

struct ClientOptions {
  std::size_t index = 0;
  std::size_t replicas = 3;
  std::size_t window = 4;               // commands under way
  std::uint64_t think_ns = 1'000'000;   // mean pause before the next command
  std::uint64_t retry_ns = 50'000'000;  // without an answer
  std::uint32_t read_per_mille = 100;
  std::uint32_t sessionless_per_mille = 20;
};

class Client {
 public:
  using ReplicaId = paxos::ReplicaId;

  // All references must outlive the client.
  Client(const ClientOptions& options, OrderFlow flow, Mail& mail, Record& record, Trace& trace,
         Random random);

  [[nodiscard]] std::uint64_t NextNs() const;
  void Step(std::uint64_t now_ns);
  void OnResponse(ReplicaId from, const Response& response, std::uint64_t now_ns);

  // Whether it asks for new things; what it has asked for it pursues in any case.
  void SetAsking(bool asking) { asking_ = asking; }
  // Asks as fast as it can.
  void SetBurst(bool burst) { burst_ = burst; }
  [[nodiscard]] bool idle() const { return open_.empty() && !single_.has_value() && !read_.has_value(); }
  [[nodiscard]] std::uint64_t committed() const { return committed_; }
  [[nodiscard]] std::uint64_t digest() const { return digest_.value(); }
  // What it waits for, for people.
  [[nodiscard]] std::string Waiting() const;

 private:
  struct Open {
    std::uint64_t sequence = 0;
    std::vector<std::byte> command;
    std::uint64_t digest = 0;
    Record::Process process = 0;
    bool done = false;
  };
  struct Single {
    std::uint64_t number = 0;
    std::vector<std::byte> command;
    std::uint64_t digest = 0;
    Record::Process process = 0;
    bool sent = false;
    std::uint64_t sent_ns = 0;
  };
  struct Reading {
    Record::Process process = 0;
    std::uint64_t first_number = 0;  // answers to earlier numbers are to earlier reads
  };

  void Ask(std::uint64_t now_ns);
  void SendAll(std::uint64_t now_ns);
  void SendOpen(const Open& open, std::uint64_t now_ns);
  void SendSingle(std::uint64_t now_ns);
  void SendRead(std::uint64_t now_ns);
  void Send(Request request, std::uint64_t now_ns);
  void TryLater(std::uint64_t now_ns, std::uint64_t after_ns);
  void TryElsewhere(ReplicaId from, const Response& response, std::uint64_t now_ns);
  void OnSubmitted(ReplicaId from, const Response& response, std::uint64_t now_ns);
  void OnSingle(ReplicaId from, const Response& response, std::uint64_t now_ns);
  void OnRead(ReplicaId from, const Response& response, std::uint64_t now_ns);
  void LoseSession(std::uint64_t now_ns);
  void Say(std::string_view what);
  [[nodiscard]] Record::Process NewProcess() { return options_.index * 1'000'000 + ++processes_; }
  [[nodiscard]] std::size_t window() const { return burst_ ? kBurstWindow : options_.window; }

  // Below the number of replies that a session keeps.
  static constexpr std::size_t kBurstWindow = 32;
  // Numbers of requests that are not numbers within a session.
  static constexpr std::uint64_t kOtherNumbers = std::uint64_t{1} << 62;

  const ClientOptions options_;
  OrderFlow flow_;
  Mail& mail_;
  Record& record_;
  Trace& trace_;
  Random random_;
  ReplicaId guess_;  // whom it takes for the leader
  std::uint64_t session_ = 0;
  std::uint64_t next_sequence_ = 1;
  std::deque<Open> open_;  // in order of their numbers
  std::optional<Single> single_;
  std::optional<Reading> read_;
  std::uint64_t other_number_ = kOtherNumbers;
  std::uint64_t processes_ = 0;
  std::uint64_t next_ask_ns_ = 0;
  std::uint64_t send_again_ns_ = 0;
  bool asking_ = true;
  bool burst_ = false;
  std::uint64_t committed_ = 0;
  Digest digest_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_CLIENT_H_
