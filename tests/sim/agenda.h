#ifndef GAIOS_TESTS_SIM_AGENDA_H_
#define GAIOS_TESTS_SIM_AGENDA_H_

// What is to be done at which time: how faults end, and what they are made of. One thread.

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace gaios::sim {

class Agenda {
 public:
  void At(std::uint64_t at_ns, std::function<void()> what) { items_.emplace(at_ns, std::move(what)); }
  [[nodiscard]] std::uint64_t NextNs() const {
    return items_.empty() ? ~std::uint64_t{0} : items_.begin()->first;
  }
  // Does what is due by `now_ns`, in order of time and of entry.
  void Run(std::uint64_t now_ns) {
    while (!items_.empty() && items_.begin()->first <= now_ns) {
      const std::function<void()> what = std::move(items_.begin()->second);
      items_.erase(items_.begin());
      what();
    }
  }
  void Clear() { items_.clear(); }

 private:
  std::multimap<std::uint64_t, std::function<void()>> items_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_AGENDA_H_
