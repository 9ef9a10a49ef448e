// gaios-linearizability: judges a recorded history. Exit codes: 0 linearizable, 1 not, with a counter-example
// on stdout, 2 wrong usage or a history that cannot be read, 3 unknown, because the budget did not last.

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "gaios/base/clock.h"

#include "tests/linearizability/check_history.h"
#include "tests/linearizability/json_lines.h"
#include "tests/support/command_line.h"

namespace gaios::linearizability {
namespace {

constexpr int kExitLinearizable = 0;
constexpr int kExitNotLinearizable = 1;
constexpr int kExitUnknown = 3;

constexpr double kNsPerS = 1e9;

struct Flags {
  std::string model;
  std::string file;
  double budget_s = 60;
  std::uint64_t budget_steps = 0;  // 0: any number
  std::size_t memory_mib = 512;
  bool shared_slots = false;
  std::string json;
};

int Complain(const std::string& sentence) {
  return gaios::Complain("gaios-linearizability", sentence);
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--model", flags.model, "what the history is of: register, lock or log")->required();
  app.add_option("FILE", flags.file, "the history, as JSON lines; see tests/linearizability/README.md")
      ->required();
  app.add_option("--budget-s", flags.budget_s, "seconds to search for at most")
      ->check(CLI::Range(0.001, 1e6))
      ->check([](const std::string& text) {
        return std::isnan(std::strtod(text.c_str(), nullptr)) ? std::string("is no number") : std::string();
      })
      ->capture_default_str();
  app.add_option("--budget-steps", flags.budget_steps,
                 "steps of the search at most, the same on every machine; 0 for any number")
      ->capture_default_str();
  app.add_option("--memory-mib", flags.memory_mib, "memory of the search at most")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_flag("--shared-slots", flags.shared_slots,
               "log: a slot holds a batch, so that several commands may be told the same slot");
  app.add_option("--json", flags.json, "write the judgement as JSON to this file, - for stdout");
}

absl::Status Read(const std::string& path, History& history) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read ", path, ": ",
                                                   std::generic_category().message(errno),
                                                   "; name a file with a history as JSON lines"));
  }
  return ReadHistory(file, path, history);
}

struct Counts {
  std::size_t ok = 0;
  std::size_t fail = 0;
  std::size_t unknown = 0;
};

Counts Count(const History& history) {
  Counts counts;
  for (const Operation& operation : history.operations()) {
    ++(operation.outcome == EventType::kOk     ? counts.ok
       : operation.outcome == EventType::kFail ? counts.fail
                                               : counts.unknown);
  }
  return counts;
}

const char* VerdictName(Verdict verdict) {
  return verdict == Verdict::kLinearizable      ? "linearizable"
         : verdict == Verdict::kNotLinearizable ? "not_linearizable"
                                                : "unknown";
}

// What there was too little of, and what to do about it.
std::string Shortage(Budget::Exhausted exhausted, const Flags& flags) {
  switch (exhausted) {
    case Budget::Exhausted::kSteps:
      return absl::StrCat("--budget-steps ", flags.budget_steps, " did not last: allow more");
    case Budget::Exhausted::kMemory:
      return absl::StrCat("--memory-mib ", flags.memory_mib, " did not suffice: allow more");
    case Budget::Exhausted::kTime:
    case Budget::Exhausted::kNothing:
      break;
  }
  return absl::StrCat("--budget-s ", flags.budget_s, " did not last: allow more");
}

std::string TextOf(const Judgement& judgement, const History& history, const Flags& flags) {
  const Counts counts = Count(history);
  const std::string size =
      absl::StrCat(history.operations().size(), " operations (", counts.ok, " ok, ", counts.fail, " failed, ",
                   counts.unknown, " unknown) on ", judgement.keys, judgement.keys == 1 ? " key" : " keys");
  switch (judgement.verdict) {
    case Verdict::kLinearizable:
      return absl::StrCat("linearizable: ", size, "\n");
    case Verdict::kNotLinearizable:
      return absl::StrCat(judgement.counter_example.text, "\nIn all ", size, ".\n");
    case Verdict::kUnknown:
      break;
  }
  return absl::StrCat("unknown: ", Shortage(judgement.exhausted, flags),
                      ", or record shorter histories over more keys. "
                      "Not decided: key ",
                      history.Text(judgement.undecided_key), ". In all ", size, ".\n");
}

nlohmann::json JsonOf(const CounterExample& found, const History& history) {
  const auto describe = [&history](std::size_t i) {
    const Operation& operation = history.operations()[i];
    nlohmann::json described = {{"process", operation.process},
                                {"invoked_at", operation.invoked_at},
                                {"text", history.Describe(operation)}};
    if (operation.answered_at != kNever) {
      described["answered_at"] = operation.answered_at;
    }
    return described;
  };
  nlohmann::json order = nlohmann::json::array();
  for (std::size_t i = 0; i < found.order.size(); ++i) {
    order.push_back(describe(found.order[i]));
    order.back()["then"] = found.holds[i];
  }
  nlohmann::json concurrent = nlohmann::json::array();
  for (const std::size_t i : found.concurrent) {
    concurrent.push_back(describe(i));
  }
  return {{"key", nlohmann::json::parse(history.Text(found.key))},
          {"line", found.line},
          {"operation", describe(found.operation)},
          {"first", found.first},
          {"possible", found.possible},
          {"all_possible", found.all_possible},
          {"order", std::move(order)},
          {"concurrent", std::move(concurrent)},
          {"text", found.text}};
}

nlohmann::json JsonOf(const Judgement& judgement, const History& history, const Flags& flags) {
  const Counts counts = Count(history);
  nlohmann::json json = {{"verdict", VerdictName(judgement.verdict)},
                         {"model", ModelName(history.model())},
                         {"operations", history.operations().size()},
                         {"ok", counts.ok},
                         {"failed", counts.fail},
                         {"unknown", counts.unknown},
                         {"keys", judgement.keys},
                         {"steps", judgement.steps}};
  if (judgement.verdict == Verdict::kNotLinearizable) {
    json["counter_example"] = JsonOf(judgement.counter_example, history);
  }
  if (judgement.verdict == Verdict::kUnknown) {
    json["undecided"] = {{"key", nlohmann::json::parse(history.Text(judgement.undecided_key))},
                         {"why", Shortage(judgement.exhausted, flags)}};
  }
  return json;
}

// False when it could not be written.
bool WriteJson(const nlohmann::json& json, const std::string& destination) {
  const std::string text = json.dump(2) + "\n";
  if (destination == "-") {
    return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  }
  std::ofstream file(destination);
  file << text;
  file.close();
  return static_cast<bool>(file);
}

int Judge(const Flags& flags) {
  const std::optional<Model> model = ParseModel(flags.model);
  if (!model.has_value()) {
    return Complain(absl::StrCat("--model is \"", flags.model, "\": say register, lock or log"));
  }
  if (flags.shared_slots && *model != Model::kLog) {
    return Complain(absl::StrCat("--shared-slots is for logs: leave it out with --model ", flags.model));
  }
  History history(*model);
  if (const absl::Status read = Read(flags.file, history); !read.ok()) {
    return Complain(std::string(read.message()));
  }
  if (history.operations().empty()) {
    std::fprintf(stderr,
                 "gaios-linearizability: warning: %s holds no operation, so nothing can be wrong with it\n",
                 flags.file.c_str());
  }
  const base::TscClock clock(base::TscClock::Source::kKernel);
  BudgetOptions budget;
  budget.clock = &clock;
  budget.time_ns = static_cast<std::uint64_t>(flags.budget_s * kNsPerS);
  budget.memory_bytes = flags.memory_mib << 20;
  if (flags.budget_steps != 0) {
    budget.steps = flags.budget_steps;
  }
  const Judgement judgement = CheckHistory(history, budget, {.shared_slots = flags.shared_slots});
  std::fputs(TextOf(judgement, history, flags).c_str(), flags.json == "-" ? stderr : stdout);
  if (!flags.json.empty() && !WriteJson(JsonOf(judgement, history, flags), flags.json)) {
    return Complain(absl::StrCat("cannot write --json ", flags.json,
                                 ": name a file in a directory that this user may write to"));
  }
  return judgement.verdict == Verdict::kLinearizable      ? kExitLinearizable
         : judgement.verdict == Verdict::kNotLinearizable ? kExitNotLinearizable
                                                          : kExitUnknown;
}

int Run(int argc, char** argv) {
  CLI::App app(
      "Judges whether a recorded history is linearizable.\n"
      "Exit codes: 0 it is, 1 it is not, 2 wrong usage or history, 3 unknown within the budget.",
      "gaios-linearizability");
  Flags flags;
  AddFlags(app, flags);
  if (const std::optional<int> code = EndsWithItsFlags(app, argc, argv); code.has_value()) {
    return *code;
  }
  return Judge(flags);
}

}  // namespace
}  // namespace gaios::linearizability

int main(int argc, char** argv) {
  try {
    return gaios::linearizability::Run(argc, argv);
  } catch (const std::exception& error) {
    // Out of memory, most likely. Whatever it is, it says nothing about the history.
    std::fprintf(stderr, "gaios-linearizability: unknown: failed: %s\n", error.what());
    return gaios::linearizability::kExitUnknown;
  }
}
