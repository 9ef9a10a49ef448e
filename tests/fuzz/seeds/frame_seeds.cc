#include <span>
#include <string>
#include <vector>

#include "gaios/transport/udp/dpdk/frame.h"

#include "tests/fuzz/seeds/corpus.h"

namespace gaios::fuzz {
namespace {

using namespace transport::udp::dpdk;  // NOLINT(google-build-using-namespace): as in frames.cc

// As in frames.cc.
constexpr LinkEndpoint kSelf = {.mac = {2, 0, 0, 0, 0, 2}, .endpoint = {.address = 0x0a090002, .port = 7000}};
constexpr LinkEndpoint kPeer = {.mac = {2, 0, 0, 0, 0, 1}, .endpoint = {.address = 0x0a090001, .port = 7000}};

// As in frames.cc: what a device has checked, and the frame.
std::string Text(char checked, std::span<const std::byte> frame) {
  return checked + std::string(reinterpret_cast<const char*>(frame.data()), frame.size());
}

std::vector<std::byte> DatagramFrame(std::size_t bytes) {
  std::vector<std::byte> frame(kHeaderBytes + bytes, std::byte{'d'});
  WriteHeaders(frame, kPeer, kSelf, {});
  return frame;
}

std::string ArpText(bool request) {
  std::vector<std::byte> frame(60);
  WriteArp(std::span(frame).first<kArpFrameBytes>(),
           {.request = request,
            .sender_mac = kPeer.mac,
            .sender = kPeer.endpoint.address,
            .target = kSelf.endpoint.address},
           request ? kBroadcastMac : kSelf.mac);
  return Text('\0', frame);
}

}  // namespace

void WriteFrameSeeds(const Corpus& corpus) {
  const std::string target = "frames";
  corpus.Add(target, "datagram", Text('\0', DatagramFrame(64)));
  corpus.Add(target, "datagram-checked-by-a-device", Text('\3', DatagramFrame(64)));
  corpus.Add(target, "empty-datagram", Text('\0', DatagramFrame(0)));
  std::vector<std::byte> fragment = DatagramFrame(64);
  fragment[20] = std::byte{0x20};
  corpus.Add(target, "fragment", Text('\3', fragment));
  std::vector<std::byte> options = DatagramFrame(64);
  options[14] = std::byte{0x46};
  corpus.Add(target, "ipv4-options", Text('\3', options));
  corpus.Add(target, "arp-question", ArpText(true));
  corpus.Add(target, "arp-answer", ArpText(false));
}

}  // namespace gaios::fuzz
