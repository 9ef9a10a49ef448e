#ifndef GAIOS_TESTS_BASE_PATIENCE_H_
#define GAIOS_TESTS_BASE_PATIENCE_H_

// Waiting for another thread that will not take long. On a machine with other work each yield may cost a time
// slice, and most waits are shorter. One thread.

#include <x86intrin.h>

#include <thread>

namespace gaios::base {

class Patience {
 public:
  void Wait() {
    if (++waits_ % kPausesPerYield == 0) {
      std::this_thread::yield();
    } else {
      _mm_pause();
    }
  }

 private:
  static constexpr int kPausesPerYield = 256;
  int waits_ = 0;
};

}  // namespace gaios::base

#endif  // GAIOS_TESTS_BASE_PATIENCE_H_
