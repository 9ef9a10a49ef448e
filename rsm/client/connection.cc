#include "gaios/rsm/client/connection.h"

#include <cstring>

namespace gaios::rsm {

bool ClientConnection::Send(const RequestHeader& header, std::span<const std::byte> command) {
  if (state_ != State::kReady) {
    return false;
  }
  std::byte* const place = requests_.Claim(sizeof(header) + command.size());
  if (place == nullptr) {
    if (requests_.broken()) {
      state_ = State::kLost;
    }
    return false;
  }
  std::memcpy(place, &header, sizeof(header));
  if (!command.empty()) {
    std::memcpy(place + sizeof(header), command.data(), command.size());
  }
  requests_.Commit();
  return true;
}

std::optional<ClientConnection::Response> ClientConnection::FrontResponse() {
  if (state_ != State::kReady && state_ != State::kLost) {
    return std::nullopt;
  }
  std::span<const std::byte> record;
  const RingReader::Next next = responses_.Front(record);
  if (next == RingReader::Next::kEmpty) {
    return std::nullopt;
  }
  Response response;
  if (next == RingReader::Next::kBroken || record.size() < sizeof(response.header)) {
    state_ = State::kLost;
    return std::nullopt;
  }
  std::memcpy(&response.header, record.data(), sizeof(response.header));
  response.reply = record.subspan(sizeof(response.header));
  return response;
}

}  // namespace gaios::rsm
