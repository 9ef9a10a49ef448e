#include <algorithm>
#include <vector>

#include "gaios/rsm/feeds/order_event.h"

#include "tests/fuzz/seeds/corpus.h"
#include "tests/rsm/feeds/fixtures.h"
#include "tests/rsm/feeds/writers.h"

namespace gaios::fuzz {
namespace {

using feeds::Compression;
using feeds::ItchLengths;
using feeds::OrderEvent;

constexpr std::size_t kEvents = 60;

std::string Zeroed(std::string text, std::size_t from, std::size_t bytes) {
  std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(from), bytes, '\0');
  return text;
}

std::string WithCarriageReturns(const std::string& text) {
  std::string changed;
  for (const char byte : text) {
    changed += byte == '\n' ? "\r\n" : std::string(1, byte);
  }
  return changed;
}

void WriteItchFiles(const Corpus& corpus) {
  const std::string target = "feed_itch";
  const std::vector<OrderEvent> events = feeds::ItchFixtureEvents();
  const std::span<const OrderEvent> few = std::span(events).first(kEvents);
  const std::string plain = feeds::WriteItch(few, ItchLengths::kReal);
  corpus.Add(target, "plain", plain);
  corpus.Add(target, "zero-lengths", feeds::WriteItch(few, ItchLengths::kZero));
  corpus.Add(target, "end-of-session",
             feeds::WriteItch(few.first(8), ItchLengths::kReal) + std::string(2, '\0'));
  corpus.Add(target, "cut", plain.substr(0, plain.size() - 7));
  corpus.Add(target, "zeroed", Zeroed(plain, plain.size() / 2, 64));
  corpus.Add(
      target, "foreign-type",
      feeds::ItchMessage('z', 1, 1, "a type of a later version", ItchLengths::kReal) + plain.substr(0, 900));
  corpus.Add(target, "wrong-length", feeds::BigEndian(60, 2) + plain.substr(2, 900));
  corpus.Add(target, "gzip", feeds::Compress(Compression::kGzip, plain));
  corpus.Add(target, "gzip-cut", feeds::Compress(Compression::kGzip, plain).substr(0, 600));
  corpus.Add(target, "xz", feeds::Compress(Compression::kXz, plain));
}

void WriteBitstampFiles(const Corpus& corpus) {
  const std::string target = "feed_bitstamp";
  const std::vector<OrderEvent> events = feeds::BitstampFixtureEvents();
  const std::string plain = feeds::WriteBitstampCsv(std::span(events).first(45));
  corpus.Add(target, "plain", plain);
  corpus.Add(target, "no-header", plain.substr(plain.find('\n') + 1));
  corpus.Add(target, "carriage-returns",
             WithCarriageReturns(feeds::WriteBitstampCsv(std::span(events).first(20))));
  corpus.Add(target, "cut", plain.substr(0, plain.size() - 7));
  corpus.Add(target, "zeroed", Zeroed(plain, plain.size() / 2, 64));
  corpus.Add(target, "quoted",
             "\"1\",\"5\",\"5\",\"20.5\",\"100\",\"created\",\"bid\"\n1,6,6,20.50,40,changed,bid\n"
             "1,7,7,20.500,40,changed,bid\n1,8,8,20.5,40,deleted,bid\n");
  corpus.Add(
      target, "largest-numbers",
      "18446744073709551615,18446744073709,1,92233720368547758.07,18446744073709551615,created,ask\n"
      "18446744073709551615,1,1,1,1099511627775,changed,ask\n18446744073709551616,1,1,1,1,created,bid\n");
  corpus.Add(target, "long-line", std::string(2500, '1') + "," + std::string(1500, '2'));
  corpus.Add(target, "gzip", feeds::Compress(Compression::kGzip, plain));
  corpus.Add(target, "xz", feeds::Compress(Compression::kXz, plain));
}

}  // namespace

void WriteFeedSeeds(const Corpus& corpus) {
  WriteItchFiles(corpus);
  WriteBitstampFiles(corpus);
}

}  // namespace gaios::fuzz
