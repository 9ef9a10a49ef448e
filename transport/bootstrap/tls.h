#ifndef GAIOS_TRANSPORT_BOOTSTRAP_TLS_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_TLS_H_

// TLS 1.3 by OpenSSL over a non-blocking socket: what proves that the other end is of the cluster, and hides
// what is said. The only files that know OpenSSL.
//
// Nothing waits, nothing raises SIGPIPE. No tickets, no early data, no resumption: bytes that were recorded
// and are sent again do not get past the handshake. A TlsChannel is for one thread at a time, and may go from
// one to another. A TlsContext may be shared by channels of several threads, and must outlive them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "gaios/transport/bootstrap/options.h"

namespace gaios::transport::bootstrap {

class TlsContext {
 public:
  // Reads the files. NotFound and PermissionDenied: a file is not there, or is readable by others who must
  // not know what it holds; InvalidArgument: what it holds is not what it should be; Unavailable: OpenSSL
  // gives no memory.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TlsContext>> Load(const Credentials& credentials);

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  [[nodiscard]] bool shares_key() const;  // else certificates
  // What a failed authentication means and what to do about it, for the user of either end.
  [[nodiscard]] const std::string& advice() const;

 private:
  friend class TlsChannel;
  struct State;
  explicit TlsContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

enum class TlsResult : std::uint8_t {
  kDone,
  kWait,             // for the socket, which says by wants_write() for what
  kClosed,           // the other end has said that it is done
  kGone,             // the other end is gone without a word
  kUntrusted,        // the other end has not proved to be of the cluster; it is told, if it speaks TLS
  kRejected,         // it says that this end has not
  kOversized,        // more bytes have come in than SetReceiveLimit allows
  kNotThisProtocol,  // what came in is no TLS 1.3
};

class TlsChannel {
 public:
  // `fd` is not owned. Null when there is no memory.
  [[nodiscard]] static std::unique_ptr<TlsChannel> Create(const TlsContext& context, int fd, bool dials);

  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;
  ~TlsChannel();

  // To be called until it says anything but kWait.
  [[nodiscard]] TlsResult Handshake();

  // Moves up to bytes.size() bytes, and says in `moved` how many. kDone: at least one. After kWait of Write
  // the same bytes, or more, are to be given again, wherever they lie by then.
  [[nodiscard]] TlsResult Read(std::span<std::byte> bytes, std::size_t& moved);
  [[nodiscard]] TlsResult Write(std::span<const std::byte> bytes, std::size_t& moved);

  // Tells the other end, if the socket has room, that nothing more will come.
  void Close();

  // Counted on the wire, from the first byte on. No limit at first.
  void SetReceiveLimit(std::size_t bytes);

  [[nodiscard]] bool wants_write() const { return wants_write_; }

  // False when OpenSSL refuses.
  [[nodiscard]] bool ExportKey(std::string_view label, std::span<const std::byte> context,
                               std::span<std::byte> key) const;

 private:
  struct State;
  explicit TlsChannel(std::unique_ptr<State> state);
  [[nodiscard]] TlsResult Judge(int result);

  std::unique_ptr<State> state_;
  bool wants_write_ = false;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_TLS_H_
