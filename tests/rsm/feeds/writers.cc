#include "tests/rsm/feeds/writers.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>

#include "gaios/base/check.h"

namespace gaios::feeds {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

std::string ItchOrderMessage(const OrderEvent& event, ItchLengths lengths) {
  const std::string reference = BigEndian(event.order_id, 8);
  const auto message = [&](char type, const std::string& rest) {
    return ItchMessage(type, event.instrument, event.time_ns, reference + rest, lengths);
  };
  switch (event.kind) {
    case OrderEventKind::kAdd: {
      const std::string rest = std::string(event.side == OrderSide::kBuy ? "B" : "S") +
                               BigEndian(event.quantity_lots, 4) + "GAIOS   " +
                               BigEndian(static_cast<std::uint64_t>(event.price_ticks), 4);
      return event.owner == 0 ? message('A', rest) : message('F', rest + BigEndian(event.owner, 4));
    }
    case OrderEventKind::kExecute:
      return message('E', BigEndian(event.quantity_lots, 4) + BigEndian(1, 8));
    case OrderEventKind::kReduce:
      return message('X', BigEndian(event.quantity_lots, 4));
    case OrderEventKind::kCancel:
      return message('D', "");
    case OrderEventKind::kReplace:
      return message('U', BigEndian(event.new_order_id, 8) + BigEndian(event.quantity_lots, 4) +
                              BigEndian(static_cast<std::uint64_t>(event.price_ticks), 4));
  }
  return "";
}

std::string CsvLine(const OrderEvent& event, std::uint64_t id, std::uint64_t volume, const char* action) {
  const std::string time = std::to_string(event.time_ns / kNsPerMs);
  std::string cents = std::to_string(event.price_ticks % 100);
  cents.insert(0, 2 - cents.size(), '0');
  return std::to_string(id) + "," + time + "," + time + "," + std::to_string(event.price_ticks / 100) + "." +
         cents + "," + std::to_string(volume) + "," + action + "," +
         (event.side == OrderSide::kBuy ? "bid" : "ask") + "\n";
}

// Of this process: tests of one program may run at the same time, each in its own process. Gone at its end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(testing::TempDir() + "gaios_feeds_" + std::to_string(getpid())) {
    std::filesystem::create_directories(path_);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string Gzip(std::string_view bytes) {
  z_stream stream = {};
  GAIOS_CHECK(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK,
              "deflateInit2");
  std::string in(bytes);
  std::string out(deflateBound(&stream, in.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  GAIOS_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Xz(std::string_view bytes) {
  std::string out(lzma_stream_buffer_bound(bytes.size()), '\0');
  std::size_t size = 0;
  GAIOS_CHECK(
      lzma_easy_buffer_encode(LZMA_PRESET_DEFAULT, LZMA_CHECK_CRC64, nullptr,
                              reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                              reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size()) == LZMA_OK,
      "lzma_easy_buffer_encode");
  out.resize(size);
  return out;
}

}  // namespace

std::string BigEndian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) {
    text.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i) & 0xff)));
  }
  return text;
}

std::string ItchMessage(char type, std::uint32_t instrument, std::uint64_t time_ns, std::string_view rest,
                        ItchLengths lengths) {
  const std::string message = std::string(1, type) + BigEndian(instrument, 2) + BigEndian(0, 2) +
                              BigEndian(time_ns, 6) + std::string(rest);
  return BigEndian(lengths == ItchLengths::kReal ? message.size() : 0, 2) + message;
}

std::string WriteItch(std::span<const OrderEvent> events, ItchLengths lengths) {
  std::string bytes = ItchMessage('S', 0, 0, "O", lengths);
  std::set<std::uint32_t> instruments;
  for (const OrderEvent& event : events) {
    instruments.insert(event.instrument);
  }
  for (const std::uint32_t instrument : instruments) {
    bytes += ItchMessage('R', instrument, 0,
                         "GAIOS   QN" + BigEndian(100, 4) + "NCZ PNN1N" + BigEndian(0, 4) + "N", lengths);
  }
  for (const OrderEvent& event : events) {
    bytes += ItchOrderMessage(event, lengths);
  }
  return bytes;
}

std::string WriteBitstampCsv(std::span<const OrderEvent> events) {
  std::string text = "id,timestamp,exchange.timestamp,price,volume,action,direction\n";
  for (const OrderEvent& event : events) {
    switch (event.kind) {
      case OrderEventKind::kAdd:
        text += CsvLine(event, event.order_id, event.quantity_lots, "created");
        break;
      case OrderEventKind::kExecute:
      case OrderEventKind::kReduce:
        text += CsvLine(event, event.order_id, event.remaining_lots,
                        event.remaining_lots == 0 ? "deleted" : "changed");
        break;
      case OrderEventKind::kCancel:
        text += CsvLine(event, event.order_id, event.quantity_lots, "deleted");
        break;
      case OrderEventKind::kReplace:
        text += CsvLine(event, event.order_id, 0, "deleted");
        text += CsvLine(event, event.new_order_id, event.quantity_lots, "created");
        break;
    }
  }
  return text;
}

std::string Compress(Compression compression, std::string_view bytes) {
  switch (compression) {
    case Compression::kGzip:
      return Gzip(bytes);
    case Compression::kXz:
      return Xz(bytes);
    case Compression::kNone:
      break;
  }
  return std::string(bytes);
}

void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  GAIOS_CHECK(!file.fail(), path.c_str());
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  GAIOS_CHECK(file.is_open(), path.c_str());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string TemporaryFile(std::string_view name, std::string_view bytes) {
  static const TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / name;
  // A new file each time: file systems may wait for the disk when an old one is emptied and written again.
  std::filesystem::remove(path);
  WriteFile(path, bytes);
  return path;
}

FeedRun RunToEnd(Feed& feed) {
  FeedRun run;
  OrderEvent event;
  while ((run.end = feed.Next(event)) == FeedState::kEvent) {
    run.events.push_back(event);
  }
  run.report = feed.report();
  EXPECT_EQ(feed.Next(event), run.end);
  EXPECT_EQ(run.report.truncated, run.end == FeedState::kDamaged);
  EXPECT_EQ(run.report.end_reason.empty(), run.end == FeedState::kEnd);
  EXPECT_EQ(run.report.mapped(), run.events.size());
  for (const TypeCount& type : run.report.types) {
    EXPECT_EQ(type.seen, type.mapped + type.ignored + type.unknown_references + type.inconsistent)
        << type.name;
  }
  EXPECT_TRUE(std::ranges::all_of(run.events, [](const OrderEvent& each) {
    return each.quantity_lots > 0 && each.price_ticks > 0 && each.order_id != 0;
  }));
  return run;
}

}  // namespace gaios::feeds
