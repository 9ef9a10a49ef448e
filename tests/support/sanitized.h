#ifndef GAIOS_TESTS_SUPPORT_SANITIZED_H_
#define GAIOS_TESTS_SUPPORT_SANITIZED_H_

// Whether this build is one of a sanitizer. It runs several times slower, and what it looks for is found by
// few runs of a kind as by many: tests that count over many runs make fewer there.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GAIOS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GAIOS_SANITIZED 1
#endif
#endif
#ifndef GAIOS_SANITIZED
#define GAIOS_SANITIZED 0
#endif

namespace gaios {

inline constexpr bool kSanitized = GAIOS_SANITIZED != 0;

}  // namespace gaios

#endif  // GAIOS_TESTS_SUPPORT_SANITIZED_H_
