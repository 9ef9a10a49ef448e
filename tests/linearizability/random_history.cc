#include "tests/linearizability/random_history.h"

#include <map>
#include <optional>
#include <random>
#include <string>

namespace gaios::linearizability {
namespace {

// An operation of a client, from its invocation until its answer, or its effect if that comes later.
struct UnderWay {
  Event invoked;
  bool takes_effect = true;
  bool answered = false;  // in its record: with info
  std::optional<Event> ok;
};

class RandomClients {
 public:
  explicit RandomClients(const RandomHistoryOptions& options) : options_(options), random_(options.seed) {}

  std::vector<Event> Run() {
    std::vector<std::size_t> clients(options_.clients);  // place in under_way_ plus one, 0 for none
    std::size_t invoked = 0;
    std::size_t idle = clients.size();
    while (invoked < options_.operations || idle < clients.size()) {
      std::size_t& client = clients[random_() % clients.size()];
      if (client == 0) {
        if (invoked < options_.operations) {
          Invoke();
          client = under_way_.size();
          ++invoked;
          --idle;
        }
        continue;
      }
      UnderWay& operation = under_way_[client - 1];
      if (!operation.ok.has_value() && random_() % 2 == 0) {
        TakeEffect(operation);
      } else if (Answer(operation)) {
        client = 0;
        ++idle;
      }
      Linger();
    }
    return events_;
  }

 private:
  bool Chance(std::uint32_t per_mille) { return random_() % 1000 < per_mille; }

  void Invoke() {
    UnderWay operation;
    Event& event = operation.invoked;
    event.process = next_process_;
    if (!free_processes_.empty()) {
      event.process = free_processes_.back();
      free_processes_.pop_back();
    } else {
      ++next_process_;
    }
    event.key = options_.keys == 1 ? "null" : std::to_string(random_() % options_.keys);
    event.function = AnyFunction(event);
    if (event.function == Function::kWrite || event.function == Function::kCas) {
      event.value = NewValue();
    }
    if (event.function == Function::kCas) {
      // Now and then what is there, so that some succeed.
      event.expected = random_() % 2 == 0 ? Held(event.key) : AnyValue();
    }
    operation.takes_effect = !Chance(options_.fail_per_mille);
    Record(event);
    under_way_.push_back(operation);
  }

  Function AnyFunction(const Event& event) {
    switch (options_.model) {
      case Model::kRegister: {
        const std::uint64_t dice = random_() % 10;
        return dice < 5 ? Function::kRead : dice < 8 ? Function::kWrite : Function::kCas;
      }
      case Model::kLock:
        return Held(event.key) == Owner(event) || random_() % 8 == 0 ? Function::kRelease
                                                                     : Function::kAcquire;
      case Model::kLog:
        break;
    }
    return random_() % 4 == 0 ? Function::kRead : Function::kSubmit;
  }

  std::string AnyValue() {
    const std::size_t values = options_.values == 0 ? written_ + 1 : options_.values;
    return std::to_string(random_() % values);
  }
  std::string NewValue() {
    ++written_;
    return options_.values == 0 ? std::to_string(written_) : AnyValue();
  }
  std::string& Held(const std::string& key) {
    return held_.emplace(key, options_.model == Model::kLock ? "" : "null").first->second;
  }
  static std::string Owner(const Event& event) { return "p" + std::to_string(event.process); }

  // The moment at which the object does what it is asked.
  void TakeEffect(UnderWay& operation) {
    if (!operation.takes_effect) {
      return;
    }
    Event ok = operation.invoked;
    ok.type = EventType::kOk;
    ok.value.reset();
    ok.expected.reset();
    std::string& held = Held(ok.key);
    switch (ok.function) {
      case Function::kRead:
        if (options_.model == Model::kLog) {
          ok.slot = EndOf(logs_[ok.key]);
        } else {
          ok.value = held;
        }
        break;
      case Function::kCas:
        operation.takes_effect = held == operation.invoked.expected;
        [[fallthrough]];
      case Function::kWrite:
        held = operation.takes_effect ? operation.invoked.value.value_or(held) : held;
        break;
      case Function::kAcquire:
        operation.takes_effect = held.empty();
        held = operation.takes_effect ? Owner(ok) : held;
        break;
      case Function::kRelease:
        operation.takes_effect = held == Owner(ok);
        held = operation.takes_effect ? "" : held;
        break;
      case Function::kSubmit:
        Append(ok);
        break;
    }
    if (operation.takes_effect) {
      operation.ok = ok;
    }
  }

  struct Log {
    std::uint64_t slot = 0;   // of the next command
    std::uint32_t index = 0;  // of the next command in it
  };
  // How many slots a read sees. What comes after it is in another slot.
  static std::uint64_t EndOf(Log& log) {
    log.slot += log.index > 0 ? 1 : 0;
    log.index = 0;
    return log.slot;
  }
  void Append(Event& ok) {
    Log& log = logs_[ok.key];
    if (!options_.indexed_slots || log.index == 3) {
      static_cast<void>(EndOf(log));
    }
    log.slot += log.index == 0 && random_() % 8 == 0 ? 1 : 0;  // somebody else's
    ok.slot = log.slot;
    if (options_.indexed_slots) {
      ok.index = log.index;
    }
    ++log.index;
  }

  // False when it is too early.
  bool Answer(UnderWay& operation) {
    if (Chance(options_.info_per_mille)) {
      Event info = operation.invoked;
      info.type = EventType::kInfo;
      info.value.reset();
      info.expected.reset();
      if (random_() % 2 == 0) {
        Record(info);
      }
      if (operation.takes_effect && !operation.ok.has_value() && random_() % 2 == 0) {
        lingering_.push_back(static_cast<std::size_t>(&operation - under_way_.data()));
      }
      return true;
    }
    if (operation.ok.has_value()) {
      Event ok = *operation.ok;
      if (Chance(options_.wrong_per_mille)) {
        Falsify(ok);
      }
      if (ok.function == Function::kSubmit && random_() % 8 == 0) {
        ok.slot.reset();
        ok.index.reset();
      }
      Record(ok);
    } else if (operation.takes_effect) {
      return false;
    } else {
      Event refusal = operation.invoked;
      const bool lie = refusal.function != Function::kRead && Chance(options_.wrong_per_mille);
      refusal.type = lie ? EventType::kOk : EventType::kFail;
      Record(refusal);
    }
    free_processes_.push_back(operation.invoked.process);
    return true;
  }

  void Falsify(Event& ok) {
    if (options_.model == Model::kLog) {
      const std::uint64_t slot = ok.slot.value_or(0);
      ok.slot = slot + random_() % 3 - (slot > 0 ? 1 : 0);
    } else if (ok.function == Function::kRead) {
      ok.value = AnyValue();
    }
  }

  // Now and then something happens whose client is gone.
  void Linger() {
    if (!lingering_.empty() && random_() % 8 == 0) {
      TakeEffect(under_way_[lingering_.back()]);
      lingering_.pop_back();
    }
  }

  void Record(Event event) {
    event.line = events_.size() + 1;
    events_.push_back(event);
  }

  const RandomHistoryOptions options_;
  std::mt19937_64 random_;
  std::vector<Event> events_;
  std::vector<UnderWay> under_way_;
  std::vector<std::size_t> lingering_;
  std::vector<std::uint64_t> free_processes_;
  std::uint64_t next_process_ = 0;
  std::size_t written_ = 0;
  std::map<std::string, std::string> held_;
  std::map<std::string, Log> logs_;
};

}  // namespace

std::vector<Event> MakeRandomHistory(const RandomHistoryOptions& options) {
  return RandomClients(options).Run();
}

}  // namespace gaios::linearizability
