#include "tests/linearizability/search.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::linearizability {
namespace {

std::vector<CellOperation> Select(std::span<const CellOperation> operations,
                                  const std::vector<std::uint32_t>& which) {
  std::vector<CellOperation> selected;
  selected.reserve(which.size());
  for (const std::uint32_t i : which) {
    selected.push_back(operations[i]);
  }
  return selected;
}

}  // namespace

Search::Search(std::span<const CellOperation> operations, std::size_t values, Budget& budget)
    : useful_(Useful(operations)),
      operations_(Select(operations, useful_)),
      budget_(budget),
      entries_(operations_),
      demand_(operations_, values),
      linearized_(operations_.size()),
      reads_here_(values) {
  RankAnswers();
  NumberKinds();
}

// An open operation that only reads tells nothing.
std::vector<std::uint32_t> Search::Useful(std::span<const CellOperation> operations) {
  std::vector<std::uint32_t> useful;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (!operations[i].open() || !operations[i].only_reads()) {
      useful.push_back(static_cast<std::uint32_t>(i));
    }
  }
  return useful;
}

void Search::RankAnswers() {
  by_rank_.resize(operations_.size());
  std::iota(by_rank_.begin(), by_rank_.end(), 0U);
  std::sort(by_rank_.begin(), by_rank_.end(), [this](std::uint32_t a, std::uint32_t b) {
    const CellOperation& left = operations_[a];
    const CellOperation& right = operations_[b];
    return std::pair(left.answered_at, left.invoked_at) < std::pair(right.answered_at, right.invoked_at);
  });
  ranks_.resize(by_rank_.size());
  for (std::size_t rank = 0; rank < by_rank_.size(); ++rank) {
    ranks_[by_rank_[rank]] = static_cast<std::uint32_t>(rank);
    answered_ += operations_[by_rank_[rank]].open() ? 0U : 1U;
  }
  answers_left_ = answered_;
  open_left_ = operations_.size() - answered_;
}

void Search::NumberKinds() {
  std::map<std::pair<ValueId, ValueId>, std::uint32_t> kinds;
  kinds_.reserve(operations_.size());
  for (const CellOperation& operation : operations_) {
    const auto next = static_cast<std::uint32_t>(kinds.size());
    kinds_.push_back(kinds.emplace(std::pair(operation.needs, operation.leaves), next).first->second);
  }
  kind_taken_in_.resize(kinds.size());
}

bool Search::ToldTheImpossible() const {
  for (ValueId value = 0; value < reads_here_.size(); ++value) {
    if (value != kInitialValue && !demand_.CanBeMetLater(value)) {
      return true;
    }
  }
  return false;
}

Verdict Search::Run() {
  if (ToldTheImpossible()) {
    return Verdict::kNotLinearizable;
  }
  Entered entered = Enter();
  while (entered == Entered::kOpened) {
    Frame& frame = frames_.back();
    if (frame.next < frame.end) {
      Linearize(candidates_[frame.next++]);
      entered = Enter();
      continue;
    }
    candidates_.resize(frame.first);
    frames_.pop_back();
    if (frames_.empty()) {
      return Verdict::kNotLinearizable;
    }
    const Frame& last = frames_.back();
    TakeBack(candidates_[last.next - 1], last.value);
  }
  return entered == Entered::kDone ? Verdict::kLinearizable : Verdict::kUnknown;
}

Search::Entered Search::Enter() {
  if (answers_left_ == 0) {
    return Entered::kDone;
  }
  if (!budget_.Spend(Bytes())) {
    return Entered::kOverBudget;
  }
  const std::size_t first = candidates_.size();
  const bool only_way = Gather();
  if (!only_way && candidates_.size() > first && !IsNew()) {
    candidates_.resize(first);
  }
  frames_.push_back({first, first, candidates_.size(), value_});
  return Entered::kOpened;
}

void Search::LookAtWindow() {
  for (const std::uint32_t operation : window_) {
    if (operations_[operation].only_reads()) {
      reads_here_[operations_[operation].needs] = 0;
    }
  }
  window_.clear();
  for (Entries::Id id = entries_.first(); !Entries::IsAnswer(id); id = entries_.next(id)) {
    const std::uint32_t operation = Entries::OperationOf(id);
    window_.push_back(operation);
    if (operations_[operation].only_reads()) {
      ++reads_here_[operations_[operation].needs];
    }
  }
}

bool Search::Gather() {
  LookAtWindow();
  if (const auto read = ReadNow(); read.has_value()) {
    candidates_.push_back(*read);
    return true;
  }
  const std::size_t first = candidates_.size();
  for (const std::uint32_t operation : window_) {
    if (!MayComeNext(operation)) {
      continue;
    }
    if (MayComeAtOnce(operations_[operation])) {
      candidates_.resize(first);
      candidates_.push_back(operation);
      return true;
    }
    candidates_.push_back(operation);
  }
  OrderCandidates(first);
  return false;
}

// A read that is right now changes nothing: if any order explains the rest, so does that with the read first.
std::optional<std::uint32_t> Search::ReadNow() const {
  if (reads_here_[value_] == 0) {
    return std::nullopt;
  }
  for (const std::uint32_t operation : window_) {
    if (operations_[operation].only_reads() && operations_[operation].needs == value_) {
      return operation;
    }
  }
  GAIOS_CHECK(false, "the window has a read of the value");
  return std::nullopt;
}

bool Search::MayComeNext(std::uint32_t number) const {
  const CellOperation& operation = operations_[number];
  if (operation.only_reads() || (operation.needs != kAnyValue && operation.needs != value_)) {
    return false;  // reads that are right were taken before
  }
  // An open operation whose value nobody needs any more is as good as one that never took effect.
  if (operation.open() && demand_.count(operation.leaves) == 0) {
    return false;
  }
  return operation.leaves == value_ || demand_.CanBeMetLater(value_, number);
}

// Nobody else needs the value that it replaces, and all who need the one that it leaves only read it and can
// do so now: then it may come now, with those reads, in whichever order it comes in otherwise.
bool Search::MayComeAtOnce(const CellOperation& operation) const {
  const std::uint32_t served = operation.needs == value_ ? 1U : 0U;
  return demand_.count(value_) == served && demand_.count(operation.leaves) == reads_here_[operation.leaves];
}

// Just in time: first the one that must come soonest, for its own answer or for that of somebody who needs
// what it leaves. Of those that do the same only the first is tried: the others can take its place later.
void Search::OrderCandidates(std::size_t first) {
  const auto key = [this](std::uint32_t operation) {
    const CellOperation& candidate = operations_[operation];
    return std::pair(std::min(candidate.answered_at, demand_.FirstAnswer(candidate.leaves)),
                     ranks_[operation]);
  };
  const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(begin, candidates_.end(), [&key](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  ++gathers_;
  const auto end = std::remove_if(begin, candidates_.end(), [this](std::uint32_t operation) {
    return std::exchange(kind_taken_in_[kinds_[operation]], gathers_) == gathers_;
  });
  candidates_.erase(end, candidates_.end());
}

// Encodes the configuration by what can still matter: the value, the first answer not linearized, and which
// operations after that are. An open operation whose value nobody needs any more is left out: whether it took
// effect is all the same.
bool Search::IsNew() {
  words_.assign({value_, static_cast<std::uint32_t>(first_rank_)});
  linearized_.ForNext(first_rank_, answered_ - answers_left_ - first_rank_,
                      [this](std::size_t rank) { words_.push_back(static_cast<std::uint32_t>(rank)); });
  linearized_.ForNext(answered_, operations_.size() - answered_ - open_left_, [this](std::size_t rank) {
    if (demand_.count(operations_[by_rank_[rank]].leaves) > 0) {
      words_.push_back(static_cast<std::uint32_t>(rank));
    }
  });
  return seen_.Insert(words_);
}

void Search::Linearize(std::uint32_t operation) {
  const CellOperation& done = operations_[operation];
  entries_.Lift(operation, done.open());
  demand_.Lift(operation);
  linearized_.Insert(ranks_[operation]);
  --(done.open() ? open_left_ : answers_left_);
  while (first_rank_ < answered_ && linearized_.Contains(first_rank_)) {
    ++first_rank_;
  }
  if (!done.only_reads()) {
    value_ = done.leaves;
  }
}

void Search::TakeBack(std::uint32_t operation, ValueId value) {
  const CellOperation& done = operations_[operation];
  entries_.PutBack(operation, done.open());
  demand_.PutBack(operation);
  linearized_.Erase(ranks_[operation]);
  ++(done.open() ? open_left_ : answers_left_);
  first_rank_ = std::min<std::size_t>(first_rank_, ranks_[operation]);
  value_ = value;
}

std::size_t Search::Bytes() const {
  return seen_.bytes() + frames_.capacity() * sizeof(Frame) + candidates_.capacity() * sizeof(candidates_[0]);
}

std::vector<std::uint32_t> Search::Order() const {
  std::vector<std::uint32_t> order;
  order.reserve(frames_.size());
  for (const Frame& frame : frames_) {
    order.push_back(useful_[candidates_[frame.next - 1]]);
  }
  return order;
}

}  // namespace gaios::linearizability
