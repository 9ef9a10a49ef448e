#include "gaios/transport/bootstrap/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/transport/bootstrap/credentials.h"

namespace gaios::transport::bootstrap {
namespace {

// Says which key is meant; there is one. No secret.
constexpr std::string_view kKeyIdentity = "gaios-bootstrap-1";
// The suite whose hash OpenSSL takes for external keys.
constexpr const char* kKeySuite = "TLS_AES_128_GCM_SHA256";
constexpr std::array<unsigned char, 2> kKeySuiteId = {0x13, 0x01};
constexpr const char* kCertificateSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
// Certificates of the other end, in all: more than any that are of use here.
constexpr long kMaxCertificateBytes = 16L << 10;
constexpr int kMaxChain = 3;

struct ContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
struct SessionDeleter {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
struct MethodDeleter {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};
using UniqueSession = std::unique_ptr<SSL_SESSION, SessionDeleter>;

// A socket as OpenSSL sees it. Its own kind of socket raises SIGPIPE and counts nothing.
struct Socket {
  int fd = -1;
  std::size_t received = 0;
  std::size_t limit = std::numeric_limits<std::size_t>::max();
  bool ended = false;      // the other end will send nothing more, or the connection has broken
  bool oversized = false;  // the limit was reached
};

bool TryAgain(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int ReadSocket(BIO* bio, char* bytes, int size) {
  auto* const socket = static_cast<Socket*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::size_t wanted = std::min(static_cast<std::size_t>(size), socket->limit - socket->received);
  if (wanted == 0) {
    socket->oversized = true;
    return -1;
  }
  const ssize_t got = ::recv(socket->fd, bytes, wanted, MSG_DONTWAIT);
  if (got > 0) {
    socket->received += static_cast<std::size_t>(got);
    return static_cast<int>(got);
  }
  if (got < 0 && TryAgain(errno)) {
    BIO_set_retry_read(bio);
  } else {
    socket->ended = true;
  }
  return -1;
}

int WriteSocket(BIO* bio, const char* bytes, int size) {
  auto* const socket = static_cast<Socket*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(socket->fd, bytes, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) {
    return static_cast<int>(sent);
  }
  if (sent < 0 && TryAgain(errno)) {
    BIO_set_retry_write(bio);
  } else {
    socket->ended = true;
  }
  return -1;
}

long ControlSocket(BIO* bio, int command, long number, void* pointer) {
  static_cast<void>(bio);
  static_cast<void>(number);
  static_cast<void>(pointer);
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

std::unique_ptr<BIO_METHOD, MethodDeleter> MakeSocketMethod() {
  std::unique_ptr<BIO_METHOD, MethodDeleter> method(
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gaios socket"));
  if (method != nullptr) {
    BIO_meth_set_read(method.get(), ReadSocket);
    BIO_meth_set_write(method.get(), WriteSocket);
    BIO_meth_set_ctrl(method.get(), ControlSocket);
  }
  return method;
}

UniqueSession SessionOf(SSL* ssl) {
  const auto* const key = static_cast<const ClusterKey*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  UniqueSession session(SSL_SESSION_new());
  const SSL_CIPHER* const suite = SSL_CIPHER_find(ssl, kKeySuiteId.data());
  if (session == nullptr || suite == nullptr ||
      SSL_SESSION_set1_master_key(session.get(), key->bytes.data(), key->bytes.size()) != 1 ||
      SSL_SESSION_set_cipher(session.get(), suite) != 1 ||
      SSL_SESSION_set1_id_context(session.get(), reinterpret_cast<const unsigned char*>(kKeyIdentity.data()),
                                  kKeyIdentity.size()) != 1 ||
      SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION) != 1) {
    return nullptr;
  }
  return session;
}

// At the end that dials.
int OfferKey(SSL* ssl, const EVP_MD* hash, const unsigned char** identity, std::size_t* identity_bytes,
             SSL_SESSION** session) {
  static_cast<void>(hash);  // there is one suite
  UniqueSession offered = SessionOf(ssl);
  if (offered == nullptr) {
    return 0;
  }
  *identity = reinterpret_cast<const unsigned char*>(kKeyIdentity.data());
  *identity_bytes = kKeyIdentity.size();
  *session = offered.release();
  return 1;
}

// At the other. Null goes on without a key, and ends where a certificate would be needed.
int FindKey(SSL* ssl, const unsigned char* identity, std::size_t identity_bytes, SSL_SESSION** session) {
  const std::string_view name(reinterpret_cast<const char*>(identity), identity_bytes);
  *session = name == kKeyIdentity ? SessionOf(ssl).release() : nullptr;
  return 1;
}

// What OpenSSL says of its last failure, and forgets with it.
std::string LastError() {
  const unsigned long error = ERR_peek_last_error();
  const char* const reason = ERR_reason_error_string(error);
  std::string text = reason != nullptr ? reason : "no reason given";
  ERR_clear_error();
  return text;
}

// Whether a handshake has failed here because the other end is not trusted, rather than not understood.
bool Untrusted(int reason) {
  switch (reason) {
    case SSL_R_BINDER_DOES_NOT_VERIFY:
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_CERTIFICATE_SET:
    case SSL_R_BAD_SIGNATURE:
      return true;
    default:
      return false;
  }
}

// Whether the alert that came in says that of this end.
bool Rejected(int reason) {
  switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_ILLEGAL_PARAMETER:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_UNKNOWN_PSK_IDENTITY:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

absl::Status UseKey(SSL_CTX* context, const ClusterKey& key) {
  // SSL_CTX keeps a pointer without const; nothing is written through it.
  SSL_CTX_set_app_data(context, const_cast<ClusterKey*>(&key));
  SSL_CTX_set_psk_use_session_callback(context, OfferKey);
  SSL_CTX_set_psk_find_session_callback(context, FindKey);
  // Nobody is trusted by certificate. Where that is asked for, OpenSSL wants sessions, as which it takes the
  // key, to be of a named application.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kKeyIdentity.data()),
                                     kKeyIdentity.size()) != 1) {
    return absl::UnavailableError(absl::StrCat("OpenSSL takes no name (", LastError(), ")"));
  }
  if (SSL_CTX_set_ciphersuites(context, kKeySuite) != 1) {
    return absl::UnavailableError(
        absl::StrCat("OpenSSL does not have ", kKeySuite, " (", LastError(), "); look at openssl.cnf"));
  }
  return absl::OkStatus();
}

absl::Status UseCertificates(SSL_CTX* context, const Credentials& files) {
  if (absl::Status status = CheckSecretFile(files.private_key_file); !status.ok()) {
    return status;
  }
  if (SSL_CTX_set_ciphersuites(context, kCertificateSuites) != 1) {
    return absl::UnavailableError(absl::StrCat("OpenSSL does not have ", kCertificateSuites, " (",
                                               LastError(), "); look at openssl.cnf"));
  }
  if (SSL_CTX_load_verify_file(context, files.ca_file.c_str()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.ca_file, ": cannot be read as certificates in PEM (", LastError(),
                     "); it must hold the certificate of the authority that signs those of the replicas"));
  }
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate_file.c_str()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(files.certificate_file,
                                                   ": cannot be read as a certificate in PEM (", LastError(),
                                                   "); it must hold that of this replica"));
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.private_key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        files.private_key_file, ": cannot be read as the private key of ", files.certificate_file, " (",
        LastError(), "); it must be in PEM, without a passphrase, and of that certificate"));
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, kMaxChain);
  return absl::OkStatus();
}

// OpenSSL would ask a terminal for the passphrase of a key.
int NoPassphrase(char* buffer, int size, int writing, void* user) {
  static_cast<void>(buffer);
  static_cast<void>(size);
  static_cast<void>(writing);
  static_cast<void>(user);
  return 0;
}

}  // namespace

struct TlsContext::State {
  ClusterKey key;
  bool shares_key = false;
  std::string advice;
  std::unique_ptr<BIO_METHOD, MethodDeleter> socket_method;
  std::unique_ptr<SSL_CTX, ContextDeleter> ssl;
};

TlsContext::TlsContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsContext::~TlsContext() = default;
bool TlsContext::shares_key() const {
  return state_->shares_key;
}
const std::string& TlsContext::advice() const {
  return state_->advice;
}

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Load(const Credentials& credentials) {
  ERR_clear_error();
  auto state = std::make_unique<State>();
  state->socket_method = MakeSocketMethod();
  state->ssl.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX* const ssl = state->ssl.get();
  if (state->socket_method == nullptr || ssl == nullptr ||
      SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) != 1) {
    return absl::UnavailableError(absl::StrCat("OpenSSL gives no TLS 1.3 (", LastError(), ")"));
  }
  SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(ssl, 0);
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(ssl, kMaxCertificateBytes);
  SSL_CTX_set_mode(
      ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(ssl, NoPassphrase);

  absl::Status status;
  if (!credentials.key_file.empty()) {
    absl::StatusOr<ClusterKey> key = ReadClusterKey(credentials.key_file);
    if (!key.ok()) {
      return key.status();
    }
    state->key = *key;
    state->shares_key = true;
    state->advice =
        absl::StrCat("TLS failed: the two ends do not hold the same cluster key; give both the same ",
                     credentials.key_file);
    status = UseKey(ssl, state->key);
  } else {
    state->advice = absl::StrCat(
        "TLS failed: one end does not trust the certificate of the other; give both certificates that are "
        "valid today and signed by the authority in ",
        credentials.ca_file);
    status = UseCertificates(ssl, credentials);
  }
  if (!status.ok()) {
    return status;
  }
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(state)));
}

struct TlsChannel::State {
  const TlsContext::State* context = nullptr;
  Socket socket;
  std::unique_ptr<SSL, SslDeleter> ssl;
  bool failed = false;  // nothing more can be done with `ssl`
};

TlsChannel::TlsChannel(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsChannel::~TlsChannel() = default;

std::unique_ptr<TlsChannel> TlsChannel::Create(const TlsContext& context, int fd, bool dials) {
  ERR_clear_error();
  auto state = std::make_unique<State>();
  state->context = context.state_.get();
  state->socket.fd = fd;
  state->ssl.reset(SSL_new(context.state_->ssl.get()));
  BIO* const bio = BIO_new(context.state_->socket_method.get());
  if (state->ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    return nullptr;
  }
  BIO_set_data(bio, &state->socket);
  BIO_set_init(bio, 1);
  SSL_set_bio(state->ssl.get(), bio, bio);  // which owns it now
  if (dials) {
    SSL_set_connect_state(state->ssl.get());
  } else {
    SSL_set_accept_state(state->ssl.get());
  }
  return std::unique_ptr<TlsChannel>(new TlsChannel(std::move(state)));
}

TlsResult TlsChannel::Judge(int result) {
  wants_write_ = false;
  const int error = SSL_get_error(state_->ssl.get(), result);
  const int reason = ERR_GET_REASON(ERR_peek_error());
  ERR_clear_error();
  switch (error) {
    case SSL_ERROR_NONE:
      return TlsResult::kDone;
    case SSL_ERROR_WANT_READ:
      return TlsResult::kWait;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return TlsResult::kWait;
    case SSL_ERROR_ZERO_RETURN:
      return TlsResult::kClosed;
    default:
      break;
  }
  state_->failed = true;
  if (state_->socket.oversized) {
    return TlsResult::kOversized;
  }
  if (Untrusted(reason)) {
    return TlsResult::kUntrusted;
  }
  if (Rejected(reason)) {
    return TlsResult::kRejected;
  }
  return state_->socket.ended ? TlsResult::kGone : TlsResult::kNotThisProtocol;
}

TlsResult TlsChannel::Handshake() {
  if (state_->failed) {
    return TlsResult::kGone;
  }
  ERR_clear_error();
  const TlsResult result = Judge(SSL_do_handshake(state_->ssl.get()));
  // That the key was used, and nothing else was thought enough.
  if (result == TlsResult::kDone && state_->context->shares_key &&
      SSL_session_reused(state_->ssl.get()) != 1) {
    state_->failed = true;
    return TlsResult::kUntrusted;
  }
  return result;
}

TlsResult TlsChannel::Read(std::span<std::byte> bytes, std::size_t& moved) {
  moved = 0;
  if (state_->failed) {
    return TlsResult::kGone;
  }
  ERR_clear_error();
  return Judge(SSL_read_ex(state_->ssl.get(), bytes.data(), bytes.size(), &moved));
}

TlsResult TlsChannel::Write(std::span<const std::byte> bytes, std::size_t& moved) {
  moved = 0;
  if (state_->failed) {
    return TlsResult::kGone;
  }
  ERR_clear_error();
  return Judge(SSL_write_ex(state_->ssl.get(), bytes.data(), bytes.size(), &moved));
}

void TlsChannel::Close() {
  if (state_->failed || SSL_is_init_finished(state_->ssl.get()) != 1) {
    return;
  }
  ERR_clear_error();
  static_cast<void>(SSL_shutdown(state_->ssl.get()));
  ERR_clear_error();
}

void TlsChannel::SetReceiveLimit(std::size_t bytes) {
  state_->socket.limit = std::max(bytes, state_->socket.received);
}

bool TlsChannel::ExportKey(std::string_view label, std::span<const std::byte> context,
                           std::span<std::byte> key) const {
  ERR_clear_error();
  const bool exported =
      SSL_export_keying_material(
          state_->ssl.get(), reinterpret_cast<unsigned char*>(key.data()), key.size(), label.data(),
          label.size(), reinterpret_cast<const unsigned char*>(context.data()), context.size(), 1) == 1;
  ERR_clear_error();
  return exported;
}

}  // namespace gaios::transport::bootstrap
