#include "tests/sim/runner.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "gaios/base/check.h"

#include "tests/sim/plan.h"
#include "tests/sim/trace.h"

namespace gaios::sim {
namespace {

// Some thousand times what a run takes.
constexpr int kLongestRunMs = 300'000;

std::string ToLine(const Outcome& outcome) {
  std::vector<std::uint64_t> faults;
  faults.reserve(kFaultKinds);
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    faults.push_back(outcome.faults[static_cast<FaultKind>(i)]);
  }
  const nlohmann::json line = {{"failures", outcome.failures},
                               {"faults", faults},
                               {"commits", outcome.commits},
                               {"reads", outcome.reads},
                               {"leader_changes", outcome.leader_changes},
                               {"simulated_ns", outcome.simulated_ns},
                               {"digest", outcome.digest},
                               {"stranded", outcome.stranded}};
  return line.dump() + "\n";
}

Outcome FromLine(const std::string& text) {
  const nlohmann::json line = nlohmann::json::parse(text);
  Outcome outcome;
  outcome.failures = line["failures"].get<std::vector<std::string>>();
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    outcome.faults.Add(static_cast<FaultKind>(i), line["faults"][i].get<std::uint64_t>());
  }
  outcome.commits = line["commits"];
  outcome.reads = line["reads"];
  outcome.leader_changes = line["leader_changes"];
  outcome.simulated_ns = line["simulated_ns"];
  outcome.digest = line["digest"];
  outcome.stranded = line["stranded"];
  return outcome;
}

void WriteAll(int to, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t wrote = write(to, text.data() + at, text.size() - at);
    if (wrote < 0 && errno == EINTR) {
      continue;
    }
    GAIOS_CHECK(wrote > 0, "the process that waits for the outcome is there");
    at += static_cast<std::size_t>(wrote);
  }
}

// Lines from a pipe. Nothing when it is at its end, or when there is none in time.
class Lines {
 public:
  explicit Lines(int from) : from_(from) {}

  [[nodiscard]] bool Next(std::string& line) {
    std::size_t end = 0;
    while ((end = text_.find('\n')) == std::string::npos) {
      pollfd waiting{from_, POLLIN, 0};
      const int ready = poll(&waiting, 1, kLongestRunMs);
      if (ready < 0 && errno == EINTR) {
        continue;
      }
      timed_out_ = ready == 0;
      std::array<char, 4096> piece;
      const ssize_t got = ready > 0 ? read(from_, piece.data(), piece.size()) : 0;
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        return false;
      }
      text_.append(piece.data(), static_cast<std::size_t>(got));
    }
    line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return true;
  }
  [[nodiscard]] bool timed_out() const { return timed_out_; }

 private:
  const int from_;
  std::string text_;
  bool timed_out_ = false;
};

}  // namespace

Outcome Runner::RunHere(std::uint64_t seed, std::FILE* trace_out) const {
  Trace trace(trace_out);
  return Simulation(Plan::Draw(*options_.profile, seed, options_.replicas), trace, options_.sabotage).Run();
}

std::uint64_t Runner::RunElsewhere(
    std::uint64_t first, std::uint64_t count, std::FILE* trace_out,
    const std::function<void(std::uint64_t, const Outcome&)>& on_outcome) const {
  std::array<int, 2> ends = {};
  GAIOS_CHECK(pipe(ends.data()) == 0, "a pipe can be made");
  static_cast<void>(std::fflush(nullptr));  // or both processes would write what waits
  const pid_t child = fork();
  GAIOS_CHECK(child >= 0, "a process can be made");
  if (child == 0) {
    close(ends[0]);
    if (trace_out != nullptr) {
      static_cast<void>(std::setvbuf(trace_out, nullptr, _IOLBF, 0));  // a crash would lose the end of it
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      WriteAll(ends[1], ToLine(RunHere(first + i, trace_out)));
    }
    static_cast<void>(std::fflush(nullptr));
    _exit(0);
  }
  close(ends[1]);
  Lines lines(ends[0]);
  std::uint64_t done = 0;
  for (std::string line; done < count && lines.Next(line); ++done) {
    on_outcome(first + done, FromLine(line));
  }
  if (done < count) {
    kill(child, SIGKILL);
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (done < count) {
    Outcome died;
    died.failures.push_back(lines.timed_out() ? "the run does not end"
                            : WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL
                                ? absl::StrCat("the run died: ", sigdescr_np(WTERMSIG(status)))
                                : "the run died");
    on_outcome(first + done, died);
    ++done;
  }
  return done;
}

void Runner::Run(std::uint64_t first, std::uint64_t count,
                 const std::function<void(std::uint64_t, const Outcome&)>& on_outcome) const {
  for (std::uint64_t done = 0; done < count;) {
    done += RunElsewhere(first + done, count - done, nullptr, on_outcome);
  }
}

Outcome Runner::RunTraced(std::uint64_t seed, std::FILE* out) const {
  Outcome result;
  static_cast<void>(
      RunElsewhere(seed, 1, out, [&result](std::uint64_t, const Outcome& outcome) { result = outcome; }));
  return result;
}

}  // namespace gaios::sim
