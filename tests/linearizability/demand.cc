#include "tests/linearizability/demand.h"

#include <algorithm>
#include <numeric>

namespace gaios::linearizability {

Demand::Demand(std::span<const CellOperation> operations, std::size_t values)
    : operations_(operations),
      lifted_(operations.size()),
      place_needing_(operations.size()),
      place_leaving_(operations.size()),
      count_(values),
      needing_(values),
      leaving_(values) {
  std::vector<std::uint32_t> order(operations.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [operations](std::uint32_t i) { return operations[i].invoked_at; });
  for (const std::uint32_t i : order) {
    if (!operations[i].only_reads()) {
      Queue& queue = leaving_[operations[i].leaves];
      place_leaving_[i] = static_cast<std::uint32_t>(queue.operations.size());
      queue.operations.push_back(i);
    }
    if (operations[i].needs != kAnyValue) {
      ++count_[operations[i].needs];
    }
  }
  std::ranges::sort(order, {}, [operations](std::uint32_t i) { return operations[i].answered_at; });
  for (const std::uint32_t i : order) {
    if (operations[i].needs != kAnyValue && !operations[i].open()) {
      Queue& queue = needing_[operations[i].needs];
      place_needing_[i] = static_cast<std::uint32_t>(queue.operations.size());
      queue.operations.push_back(i);
    }
  }
}

void Demand::Change(std::uint32_t operation, bool lifted) {
  const CellOperation& changed = operations_[operation];
  lifted_[operation] = lifted;
  if (changed.needs != kAnyValue) {
    count_[changed.needs] += lifted ? UINT32_MAX : 1;  // wraps: adding 2^32 - 1 takes one away
    if (!changed.open()) {
      ChangeIn(needing_[changed.needs], place_needing_[operation], lifted);
    }
  }
  if (!changed.only_reads()) {
    ChangeIn(leaving_[changed.leaves], place_leaving_[operation], lifted);
  }
}

void Demand::ChangeIn(Queue& queue, std::uint32_t place, bool lifted) const {
  if (!lifted) {
    queue.lifted = std::min<std::size_t>(queue.lifted, place);
    return;
  }
  while (queue.lifted < queue.operations.size() && lifted_[queue.operations[queue.lifted]]) {
    ++queue.lifted;
  }
}

bool Demand::CanBeMetLater(ValueId value, std::uint32_t operation) const {
  const Queue& needing = needing_[value];
  std::size_t first = needing.lifted;
  while (first < needing.operations.size() &&
         (lifted_[needing.operations[first]] || needing.operations[first] == operation)) {
    ++first;
  }
  if (first == needing.operations.size()) {
    return true;
  }
  const Queue& leaving = leaving_[value];
  return leaving.lifted < leaving.operations.size() &&
         operations_[leaving.operations[leaving.lifted]].invoked_at <
             operations_[needing.operations[first]].answered_at;
}

}  // namespace gaios::linearizability
