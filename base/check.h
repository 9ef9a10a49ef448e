#ifndef GAIOS_BASE_CHECK_H_
#define GAIOS_BASE_CHECK_H_

// An always-on assertion for conditions that only a defect in this library, or a violated precondition, can
// make false.
//
// GAIOS_CHECK(condition, message) evaluates the condition in every build type. When it is false the file,
// line, condition and message go to stderr and the process aborts: a replica that has lost an invariant must
// stop before it acknowledges anything. Conditions that the outside world can make false (a full disk, a
// wrong option, a lost peer) are not checks; they are absl::Status values.
//
// The message is a string literal or any `const char*`; it is only read on failure. Safe on any thread. The
// success path costs one predicted branch.

namespace gaios::base {

// Reports a failed check on stderr and aborts. Kept out of line and marked cold so that callers hold nothing
// but the test and a jump.
[[noreturn]] __attribute__((cold, noinline)) void CheckFailed(const char* file, int line,
                                                              const char* condition,
                                                              const char* message) noexcept;

}  // namespace gaios::base

// An expression, so that it also fits in constexpr functions. The cold attribute makes the failing side the
// unlikely one.
#define GAIOS_CHECK(condition, message) \
  ((condition) ? static_cast<void>(0) : ::gaios::base::CheckFailed(__FILE__, __LINE__, #condition, (message)))

#endif  // GAIOS_BASE_CHECK_H_
