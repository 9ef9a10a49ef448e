#include "tests/processes/group.h"

#include <poll.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "gaios/base/check.h"
#include "gaios/cli/demo/loopback_network.h"
#include "gaios/paxos/state.h"
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/network_clients.h"

#include "tests/support/paths.h"

namespace gaios::cli {
namespace {

using std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::minutes(1);

}  // namespace

Scratch::Scratch() {
  std::error_code error;
  const std::string base = std::filesystem::is_directory("/dev/shm", error) ? "/dev/shm" : "/tmp";
  std::string pattern = base + "/gaios-test.XXXXXX";
  GAIOS_CHECK(mkdtemp(pattern.data()) != nullptr, "a scratch directory can be made");
  directory_ = pattern;
}

Scratch::~Scratch() {
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
}

std::string Scratch::Write(const std::string& name, const std::string& text) const {
  std::ofstream(Path(name)) << text;
  return Path(name);
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::unique_ptr<ChildProcess> StartGaios(const std::vector<std::string>& arguments, const std::string& output,
                                         const std::vector<std::string>& before, const std::string& program) {
  std::vector<std::string> command = before;
  command.push_back(BinDirectory() + "/" + program);
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto process = ChildProcess::Start(command, output);
  GAIOS_CHECK(process.ok(), "gaios can be started");
  return *std::move(process);
}

Ran RunGaios(const Scratch& scratch, const std::vector<std::string>& arguments) {
  const std::string output = scratch.Path("ran.log");
  std::filesystem::remove(output);
  const std::unique_ptr<ChildProcess> process = StartGaios(arguments, output);
  const std::optional<int> exit_code = process->Wait(kPatience);
  EXPECT_TRUE(exit_code.has_value()) << "gaios " << arguments.front() << " does not end:\n"
                                     << ReadText(output);
  return {.exit_code = exit_code.value_or(-1), .output = ReadText(output)};
}

bool Await(const std::function<bool()>& holds) {
  const auto deadline = steady_clock::now() + kPatience;
  while (!holds()) {
    if (steady_clock::now() > deadline) {
      return false;
    }
    poll(nullptr, 0, 1);
  }
  return true;
}

std::string ConfigText(const std::string& directory, const GroupSettings& settings,
                       const std::string& extra) {
  std::string text = absl::StrCat(
      "group = \"test\"\ntransport = \"", std::string(rsm::TransportKindName(settings.transport)),
      "\"\ndirectory = \"", directory, "\"\ncapacity_bytes = ", settings.capacity_bytes,
      "\nstate_machine = \"counter\"\n", extra);
  const bool networked = settings.transport != rsm::TransportKind::kShm;
  LoopbackNetwork network;
  if (networked || settings.network_clients) {
    absl::StatusOr<LoopbackNetwork> made =
        LoopbackNetwork::Make(std::filesystem::path(directory).parent_path(), settings.replicas);
    GAIOS_CHECK(made.ok(), "a scratch directory takes a key, and ports are free");
    network = *std::move(made);
    text += network.Credentials();
  }
  for (std::size_t i = 0; i < settings.replicas; ++i) {
    absl::StrAppend(
        &text, "\n[[replica]]\nid = ", i, "\n",
        settings.addresses ? settings.addresses(i)
        : networked        ? network.Address(i)
                           : "",
        settings.network_clients ? network.ClientAddress(i) : "",
        i < settings.priorities.size() ? absl::StrCat("priority = ", settings.priorities[i], "\n") : "");
  }
  return text;
}

Group::Group(const GroupSettings& settings, const std::string& extra)
    : settings_(settings), processes_(settings.replicas) {
  config_path_ = scratch_.Write("group.toml", ConfigText(scratch_.Path("group"), settings, extra));
  absl::StatusOr<rsm::Config> config = rsm::LoadConfig(config_path_);
  GAIOS_CHECK(config.ok(), "the config of a test is right");
  config_ = *std::move(config);
  const Ran made = RunGaios(scratch_, {"bootstrap", "--config", config_path_});
  EXPECT_EQ(made.exit_code, 0) << made.output;
  for (std::size_t i = 0; i < settings.replicas && settings.start; ++i) {
    Start(i);
  }
}

void Group::Start(std::size_t replica, const std::string& config_path, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"replica", "--config",
                                        config_path.empty() ? config_path_ : config_path, "--id",
                                        std::to_string(replica)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  if (replica >= processes_.size()) {
    processes_.resize(replica + 1);  // it is to be added to the group
  }
  processes_[replica] = StartGaios(arguments, scratch_.Path(absl::StrCat(replica, ".log")),
                                   settings_.before ? settings_.before(replica) : std::vector<std::string>(),
                                   settings_.program ? settings_.program(replica) : "gaios");
}

void Group::Stop(std::size_t replica) {
  Signal(replica, SIGSTOP);
  const std::string stat = absl::StrCat("/proc/", processes_[replica]->pid(), "/stat");
  // The state is behind the program's name in parentheses.
  EXPECT_TRUE(Await([&stat] { return ReadText(stat).find(") T ") != std::string::npos; }));
}

void Group::Kill(std::size_t replica) {
  Signal(replica, SIGKILL);
  EXPECT_EQ(processes_[replica]->Wait(kPatience), -SIGKILL);
}

std::string Group::Output(std::size_t replica) const {
  return ReadText(scratch_.Path(absl::StrCat(replica, ".log")));
}

GroupStatus Group::Status() const {
  return ReadGroupStatus(config_);
}

rsm::CounterData Group::Counters(std::size_t replica) const {
  for (const ReplicaStatus& status : Status().replicas) {
    if (status.id.value() == replica && status.counters.has_value()) {
      return status.counters->data;
    }
  }
  return {};
}

nlohmann::json Group::Json(std::size_t replica) const {
  for (const nlohmann::json& status : StatusJson(Status())) {
    if (status["replica"] == replica) {
      return status;
    }
  }
  return {};
}

std::optional<std::size_t> Group::Leader(std::optional<std::size_t> except) const {
  return LeaderOf(Status(), except);
}

std::size_t Group::AwaitLeader(std::optional<std::size_t> except) const {
  std::optional<std::size_t> leader;
  EXPECT_TRUE(Await([&] {
    leader = Leader(except);
    return leader.has_value();
  })) << "nobody leads:\n"
      << StatusTable(Status());
  return leader.value_or(0);
}

std::vector<std::size_t> Group::Followers(std::size_t leader) const {
  std::vector<std::size_t> followers;
  for (std::size_t i = 0; i < size(); ++i) {
    if (i != leader) {
      followers.push_back(i);
    }
  }
  return followers;
}

bool Group::Agree(const std::vector<std::size_t>& replicas) const {
  const rsm::CounterData first = Counters(replicas.front());
  for (const std::size_t replica : replicas) {
    const rsm::CounterData data = Counters(replica);
    if (data.commit != first.commit || data.applied != data.commit ||
        data.hashed_commands != data.applied_commands || data.applied_commands != first.applied_commands ||
        data.state_hash != first.state_hash) {
      return false;
    }
  }
  return true;
}

Wire::Wire(const rsm::Config& config, std::size_t replica)
    : connection_(config.directory, paxos::ReplicaId(static_cast<std::uint8_t>(replica)),
                  *rsm::FindGroup(config)) {
  EXPECT_TRUE(cli::Await([this] {
    connection_.Advance();
    return connection_.ready();
  })) << connection_.failure();
  EXPECT_TRUE(Send(rsm::RequestKind::kOpenSession, {}));
  const Answer answer = Await();
  EXPECT_EQ(answer.status, rsm::ResponseStatus::kCommitted);
  request_.session = answer.sum;
}

bool Wire::Send(rsm::RequestKind kind, std::span<const std::byte> command) {
  rsm::RequestHeader request = request_;
  ++request.request;
  request.kind = kind;
  if (!connection_.Send(request, command)) {
    return false;
  }
  request_ = request;
  return true;
}

bool Wire::Add() {
  const std::uint64_t one = 1;
  ++request_.sequence;
  if (Send(rsm::RequestKind::kCommand, std::as_bytes(std::span(&one, 1)))) {
    return true;
  }
  --request_.sequence;
  return false;
}

bool Wire::AddLarge(std::size_t bytes) {
  ++request_.sequence;
  const bool sent = Send(rsm::RequestKind::kCommand, std::vector<std::byte>(bytes));
  --request_.sequence;
  return sent;
}

std::optional<Wire::Answer> Wire::Take() {
  const std::optional<rsm::ShmConnection::Response> response = connection_.FrontResponse();
  if (!response.has_value()) {
    return std::nullopt;
  }
  Answer answer;
  answer.request = response->header.request;
  answer.status = response->header.status;
  answer.how = static_cast<rsm::Applied>(response->header.applied);
  if (response->reply.size() == sizeof(answer.sum)) {
    std::memcpy(&answer.sum, response->reply.data(), sizeof(answer.sum));
  }
  connection_.PopResponse();
  return answer;
}

Wire::Answer Wire::Await() {
  std::optional<Answer> answer;
  EXPECT_TRUE(cli::Await([&] {
    answer = Take();
    return answer.has_value();
  })) << "no answer to request "
      << sent();
  return answer.value_or(Answer());
}

Counting::Counting(const rsm::Config& config, const Settings& settings) {
  rsm::ClientOptions options;
  options.directory = config.directory;
  options.replicas = settings.replicas == 0 ? config.replicas.size() : settings.replicas;
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  GAIOS_CHECK(group.ok(), "the group of a test has been bootstrapped");
  options.group = *group;
  options.operation_timeout_ns = settings.operation_timeout_ns;
  options.answer_timeout_ns = settings.answer_timeout_ns;
  options.window = settings.window;
  auto client =
      settings.network ? rsm::OpenNetworkClient(config, options, clock_) : rsm::Client::Open(options, clock_);
  GAIOS_CHECK(client.ok(), "the options of a test's client are right");
  client_ = *std::move(client);
}

bool Counting::Submit() {
  const std::uint64_t one = 1;
  if (client_->Submit(std::as_bytes(std::span(&one, 1)), submitted_ + 1) != rsm::Submitted::kSubmitted) {
    return false;
  }
  ++submitted_;
  return true;
}

void Counting::Turn() {
  static_cast<void>(Submit());
  Poll();
}

void Counting::Commit(std::uint64_t more) {
  const std::uint64_t target = committed_ + more;
  EXPECT_TRUE(cli::Await([this, target] {
    for (int i = 0; i < 100 && committed_ < target; ++i) {
      Turn();
    }
    return committed_ >= target;
  })) << "committed "
      << committed_ << " of " << target;
}

void Counting::Settle() {
  EXPECT_TRUE(cli::Await([this] {
    Poll();
    return client_->outstanding() == 0;
  }));
}

void Counting::OnCommitted(std::uint64_t /*tag*/, std::uint64_t /*slot*/, rsm::Applied how,
                           std::span<const std::byte> reply) {
  ++committed_;
  if (reply.size() == sizeof(sum_)) {
    std::memcpy(&sum_, reply.data(), sizeof(sum_));
  } else {
    EXPECT_EQ(how, rsm::Applied::kReplyForgotten) << "an addition is replied to with the sum";
  }
}

void Counting::OnUnknown(std::uint64_t /*tag*/) {
  ++unknown_;
}

}  // namespace gaios::cli
