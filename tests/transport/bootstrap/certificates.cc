#include "tests/transport/bootstrap/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "gaios/base/check.h"

namespace gaios::transport::bootstrap {
namespace {

struct KeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct CertificateDeleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyDeleter>;
using UniqueX509 = std::unique_ptr<X509, CertificateDeleter>;
using UniqueBio = std::unique_ptr<BIO, BioDeleter>;

Key NewKey() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  GAIOS_CHECK(key != nullptr, "a key pair");
  return key;
}

std::string Text(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string CertificateText(X509* certificate) {
  const UniqueBio bio(BIO_new(BIO_s_mem()));
  GAIOS_CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1, "a certificate as text");
  return Text(bio.get());
}

std::string KeyText(EVP_PKEY* key) {
  const UniqueBio bio(BIO_new(BIO_s_mem()));
  GAIOS_CHECK(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
              "a key as text");
  return Text(bio.get());
}

void AddExtension(X509* certificate, int id, const char* value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
  GAIOS_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, "an extension");
  X509_EXTENSION_free(extension);
}

// Not signed yet.
UniqueX509 NewCertificate(const std::string& name, EVP_PKEY* key, long from_s, long to_s) {
  static long serial = 0;
  UniqueX509 certificate(X509_new());
  GAIOS_CHECK(certificate != nullptr, "a certificate");
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to_s);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

}  // namespace

struct Authority::State {
  Key key;
  UniqueX509 own;
  std::string text;
};

Authority::Authority(const std::string& name) : state_(std::make_unique<State>()) {
  state_->key = NewKey();
  state_->own = NewCertificate(name, state_->key.get(), -3600, 3600);
  X509* const own = state_->own.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  AddExtension(own, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(own, NID_key_usage, "critical,keyCertSign,cRLSign");
  GAIOS_CHECK(X509_sign(own, state_->key.get(), EVP_sha256()) > 0, "a signature");
  state_->text = CertificateText(own);
}

Authority::~Authority() = default;
const std::string& Authority::certificate() const {
  return state_->text;
}

Certificate Authority::Issue(const std::string& name, long from_s, long to_s) const {
  const Key key = NewKey();
  const UniqueX509 issued = NewCertificate(name, key.get(), from_s, to_s);
  X509_set_issuer_name(issued.get(), X509_get_subject_name(state_->own.get()));
  AddExtension(issued.get(), NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(issued.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  GAIOS_CHECK(X509_sign(issued.get(), state_->key.get(), EVP_sha256()) > 0, "a signature");
  return {CertificateText(issued.get()), KeyText(key.get())};
}

}  // namespace gaios::transport::bootstrap
