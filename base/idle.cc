#include "gaios/base/idle.h"

#include <sched.h>
#include <time.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/check.h"
#include "gaios/base/wakeup.h"

namespace gaios::base {
namespace {

constexpr std::array<std::pair<IdleStrategy, std::string_view>, 4> kNames = {{
    {IdleStrategy::kSpin, "spin"},
    {IdleStrategy::kYield, "yield"},
    {IdleStrategy::kBackOff, "back_off"},
    {IdleStrategy::kBlock, "block"},
}};

void Park(std::uint64_t duration_ns) {
  constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
  const timespec duration{.tv_sec = static_cast<time_t>(duration_ns / kNanosecondsPerSecond),
                          .tv_nsec = static_cast<std::int64_t>(duration_ns % kNanosecondsPerSecond)};
  // A signal ends the sleep early, which is as good a moment to poll as any.
  (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, nullptr);
}

}  // namespace

absl::StatusOr<IdleStrategy> ParseIdleStrategy(std::string_view name) {
  for (const auto& [strategy, known_name] : kNames) {
    if (name == known_name) {
      return strategy;
    }
  }
  return absl::InvalidArgumentError("unknown idle strategy \"" + std::string(name) +
                                    "\"; use spin, yield, back_off or block");
}

std::string_view IdleStrategyName(IdleStrategy strategy) {
  for (const auto& [known_strategy, name] : kNames) {
    if (strategy == known_strategy) {
      return name;
    }
  }
  GAIOS_CHECK(false, "a value outside IdleStrategy");
}

IdleSchedule::IdleSchedule(IdleStrategy strategy, const IdleOptions& options)
    : strategy_(strategy), options_(options), park_ns_(options.min_park_ns) {
  GAIOS_CHECK(options.min_park_ns > 0, "min_park_ns must be positive");
  GAIOS_CHECK(options.min_park_ns <= options.max_park_ns, "min_park_ns must not exceed max_park_ns");
}

IdleSchedule::Step IdleSchedule::Next() {
  switch (strategy_) {
    case IdleStrategy::kSpin:
      return {.action = Action::kPause};
    case IdleStrategy::kYield:
      return {.action = Action::kYield};
    case IdleStrategy::kBackOff:
    case IdleStrategy::kBlock:
      break;
  }
  const std::uint64_t yields_end = std::uint64_t{options_.spins} + options_.yields;
  if (rounds_ < yields_end) {
    return {.action = rounds_++ < options_.spins ? Action::kPause : Action::kYield};
  }
  return strategy_ == IdleStrategy::kBackOff ? NextPark() : NextBlock();
}

IdleSchedule::Step IdleSchedule::NextAwaiting() {
  if (strategy_ == IdleStrategy::kSpin || rounds_ < options_.spins) {
    ++rounds_;
    return {.action = Action::kPause};
  }
  return {.action = Action::kYield};
}

IdleSchedule::Step IdleSchedule::NextPark() {
  const Step step{.action = Action::kPark, .duration_ns = park_ns_};
  // Compared before doubling, which could overflow.
  park_ns_ = park_ns_ > options_.max_park_ns / 2 ? options_.max_park_ns : park_ns_ * 2;
  return step;
}

IdleSchedule::Step IdleSchedule::NextBlock() {
  announced_ = !announced_;
  if (announced_) {
    return {.action = Action::kAnnounce};
  }
  return {.action = Action::kBlock, .duration_ns = options_.max_block_ns};
}

Idle::Idle(IdleStrategy strategy, const IdleOptions& options, Wakeup* wakeup)
    : schedule_(strategy, options), wakeup_(strategy == IdleStrategy::kBlock ? wakeup : nullptr) {
  GAIOS_CHECK(strategy != IdleStrategy::kBlock || wakeup != nullptr, "the block strategy needs a Wakeup");
}

Idle::~Idle() {
  EndLull();
}

void Idle::OnIdle() {
  idle_ = true;
  CarryOut(schedule_.Next());
}

void Idle::OnAwaiting() {
  idle_ = true;
  CarryOut(schedule_.NextAwaiting());
}

void Idle::CarryOut(const IdleSchedule::Step& step) {
  switch (step.action) {
    case IdleSchedule::Action::kPause:
      _mm_pause();
      break;
    case IdleSchedule::Action::kYield:
      sched_yield();
      break;
    case IdleSchedule::Action::kPark:
      Park(step.duration_ns);
      break;
    case IdleSchedule::Action::kAnnounce:
      wakeup_->Announce();
      break;
    case IdleSchedule::Action::kBlock:
      wakeup_->Wait(step.duration_ns);
      break;
  }
}

void Idle::EndLull() {
  schedule_.Restart();
  idle_ = false;
  if (wakeup_ != nullptr) {
    wakeup_->Withdraw();
  }
}

}  // namespace gaios::base
