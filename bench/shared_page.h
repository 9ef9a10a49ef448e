#ifndef GAIOS_BENCH_SHARED_PAGE_H_
#define GAIOS_BENCH_SHARED_PAGE_H_

// Memory that a benchmark shares with the processes it forks: made before the fork, gone with the last of
// them.

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace gaios::bench {

// Owns a mapping that holds one T. Pages are present before the first use.
template <typename T>
class SharedPage {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  [[nodiscard]] static absl::StatusOr<SharedPage> Create() {
    void* const memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
      return absl::ResourceExhaustedError(std::string("no shared memory: ") +
                                          std::generic_category().message(errno));
    }
    return SharedPage(::new (memory) T());
  }
  SharedPage(SharedPage&& other) noexcept : value_(other.value_) { other.value_ = nullptr; }
  SharedPage& operator=(SharedPage&&) = delete;
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  ~SharedPage() {
    if (value_ != nullptr) {
      munmap(value_, sizeof(T));
    }
  }

  [[nodiscard]] T& operator*() const { return *value_; }
  [[nodiscard]] T* operator->() const { return value_; }

 private:
  explicit SharedPage(T* value) : value_(value) {}

  T* value_;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_SHARED_PAGE_H_
