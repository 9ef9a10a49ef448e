// Certificates in the place of a key.

#include <gmock/gmock.h>

#include "tests/transport/bootstrap/certificates.h"
#include "tests/transport/bootstrap/fixture.h"

namespace gaios::transport::bootstrap {
namespace {

using testing::HasSubstr;

class CertificateTest : public BootstrapTest {
 protected:
  // The options of OptionsOf, with files of their own.
  [[nodiscard]] BootstrapOptions With(std::uint8_t id, const Authority& trusted,
                                      const Certificate& certificate) const {
    BootstrapOptions options = OptionsOf(id);
    const std::string name = std::to_string(id);
    options.credentials.key_file.clear();
    options.credentials.ca_file = WriteFile(name + ".ca", trusted.certificate(), std::filesystem::perms::all);
    options.credentials.certificate_file =
        WriteFile(name + ".pem", certificate.certificate, std::filesystem::perms::all);
    options.credentials.private_key_file = WriteFile(name + ".key", certificate.private_key);
    return options;
  }
  // That neither comes up, and both ends say why.
  void ExpectBothTold(bool dialler_refuses) {
    ASSERT_TRUE(
        PollUntil([this] { return !end(0).seen->refusals.empty() && !end(1).seen->refusals.empty(); }));
    for (const std::uint8_t id : {std::uint8_t{0}, std::uint8_t{1}}) {
      const SeenRefusal& seen = end(id).seen->refusals.front();
      EXPECT_EQ(seen.refusal, Refusal::kAuthentication) << RefusalName(seen.refusal) << ": " << seen.reason;
      EXPECT_EQ(seen.by_us, (id == 0) == dialler_refuses);
    }
    EXPECT_TRUE(end(0).seen->log.empty());
    EXPECT_TRUE(end(1).seen->log.empty());
  }
  // Why an end with these credentials cannot be opened.
  static std::string WhyNot(const BootstrapOptions& options) {
    const absl::StatusOr<std::unique_ptr<Bootstrap>> opened = Bootstrap::Open(options);
    return opened.ok() ? "it can" : std::string(opened.status().message());
  }

  const Authority ours_{"authority of the cluster"};
  const Authority theirs_{"another authority"};
};

TEST_F(CertificateTest, EndsWithCertificatesOfOneAuthorityComeUpAndTalk) {
  Open(With(1, ours_, ours_.Issue("replica 1")));
  Open(With(0, ours_, ours_.Issue("replica 0")));
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).Up(0); }));
  ASSERT_EQ(end(0).bootstrap->Send(ReplicaId(1), Bytes("hello")), Sent::kTaken);
  ASSERT_TRUE(PollUntil([this] { return !end(1).seen->frames.empty(); }));
  EXPECT_EQ(end(1).seen->frames.front(), "hello");
}

TEST_F(CertificateTest, ADiallerOfAnotherAuthorityIsRefused) {
  Open(With(1, ours_, ours_.Issue("replica 1")));
  Open(With(0, ours_, theirs_.Issue("replica 0")));
  ExpectBothTold(/*dialler_refuses=*/false);
  EXPECT_THAT(end(0).seen->refusals.front().reason, HasSubstr("does not trust the certificate"));
  EXPECT_THAT(end(1).seen->refusals.front().reason, HasSubstr("1.ca"));
}

TEST_F(CertificateTest, AListenerOfAnotherAuthorityIsRefused) {
  Open(With(1, ours_, theirs_.Issue("replica 1")));
  Open(With(0, ours_, ours_.Issue("replica 0")));
  ExpectBothTold(/*dialler_refuses=*/true);
}

TEST_F(CertificateTest, ACertificateThatHasRunOutIsRefused) {
  Open(With(1, ours_, ours_.Issue("replica 1")));
  Open(With(0, ours_, ours_.Issue("replica 0", -7200, -60)));
  ExpectBothTold(/*dialler_refuses=*/false);
}

TEST_F(CertificateTest, ADiallerWithAKeyAndAListenerWithCertificatesDoNotMeet) {
  Open(With(1, ours_, ours_.Issue("replica 1")));
  Open(OptionsOf(0));
  ExpectBothTold(/*dialler_refuses=*/true);
}

TEST_F(CertificateTest, ADiallerWithCertificatesAndAListenerWithAKeyDoNotMeet) {
  Open(OptionsOf(1));
  Open(With(0, ours_, ours_.Issue("replica 0")));
  ExpectBothTold(/*dialler_refuses=*/false);
}

TEST_F(CertificateTest, FilesThatAreNotAsTheyShouldBeAreNamed) {
  const Certificate good = ours_.Issue("replica 1");
  BootstrapOptions options = With(1, ours_, good);
  options.credentials.ca_file = directory_ + "/none";
  EXPECT_THAT(WhyNot(options), HasSubstr("/none"));

  options = With(1, ours_, good);
  WriteFile("1.pem", "no certificate");
  EXPECT_THAT(WhyNot(options), HasSubstr("1.pem: cannot be read as a certificate"));

  options = With(1, ours_, {good.certificate, ours_.Issue("replica 1").private_key});
  EXPECT_THAT(WhyNot(options), HasSubstr("of that certificate"));

  options = With(1, ours_, good);
  std::filesystem::permissions(options.credentials.private_key_file,
                               std::filesystem::perms::owner_read | std::filesystem::perms::group_read);
  EXPECT_THAT(WhyNot(options), HasSubstr("chmod 600 " + options.credentials.private_key_file));
}

}  // namespace
}  // namespace gaios::transport::bootstrap
