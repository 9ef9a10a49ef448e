#include "gaios/rsm/client/network/stream_keys.h"

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "gaios/transport/udp/authenticator.h"

namespace gaios::rsm {
namespace {

std::string Label(NetworkKind kind, const char* what) {
  return std::string("gaios client ") + (kind == NetworkKind::kRequests ? "requests " : "responses ") + what;
}

template <typename Value>
bool Export(const transport::bootstrap::TlsChannel& channel, NetworkKind kind, const char* what,
            Value& value) {
  return channel.ExportKey(Label(kind, what), {}, std::as_writable_bytes(std::span(&value, 1)));
}

}  // namespace

absl::StatusOr<transport::udp::Seal> DeriveStreamKeys(const transport::bootstrap::TlsChannel& channel,
                                                      NetworkKind sends, bool encrypt, StreamTerms& terms) {
  const NetworkKind other =
      sends == NetworkKind::kRequests ? NetworkKind::kResponses : NetworkKind::kRequests;
  const char* const key = encrypt ? "encryption key" : "key";
  transport::udp::AuthenticatorOptions keys;
  keys.readable_bytes = encrypt ? kNetworkReadableBytes : transport::udp::kAllReadable;
  if (!Export(channel, sends, "tag", terms.tag_out) || !Export(channel, other, "tag", terms.tag_in) ||
      !Export(channel, sends, key, keys.send.key) || !Export(channel, other, key, keys.receive.key) ||
      !Export(channel, sends, "salt", keys.send.salt) || !Export(channel, other, "salt", keys.receive.salt)) {
    return absl::UnavailableError("no keys can be had of the connection; it is made again");
  }
  absl::StatusOr<transport::udp::Authenticator> authenticator = transport::udp::Authenticator::Create(keys);
  if (!authenticator.ok()) {
    return authenticator.status();
  }
  return transport::udp::Seal(*std::move(authenticator));
}

}  // namespace gaios::rsm
