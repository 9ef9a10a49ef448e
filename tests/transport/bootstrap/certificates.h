#ifndef GAIOS_TESTS_TRANSPORT_BOOTSTRAP_CERTIFICATES_H_
#define GAIOS_TESTS_TRANSPORT_BOOTSTRAP_CERTIFICATES_H_

// Certificate authorities and certificates of a test, as PEM texts.

#include <memory>
#include <string>

namespace gaios::transport::bootstrap {

struct Certificate {
  std::string certificate;
  std::string private_key;
};

class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();

  [[nodiscard]] const std::string& certificate() const;
  // Valid from `from_s` to `to_s` seconds from now.
  [[nodiscard]] Certificate Issue(const std::string& name, long from_s = -3600, long to_s = 3600) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TESTS_TRANSPORT_BOOTSTRAP_CERTIFICATES_H_
