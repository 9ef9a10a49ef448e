// The shared rings: order and content over many laps, the room they promise, and a peer that stores what it
// should not.

#include "gaios/rsm/client/byte_ring.h"

#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::rsm {
namespace {

constexpr std::size_t kCapacity = 1024;

struct Ring {
  RingIndexes indexes;
  alignas(64) std::array<std::byte, kCapacity> memory = {};
  RingWriter writer{indexes, memory};
  RingReader reader{indexes, memory};

  bool Write(const std::string& text) {
    std::byte* const place = writer.Claim(text.size());
    if (place == nullptr) {
      return false;
    }
    std::memcpy(place, text.data(), text.size());
    writer.Commit();
    return true;
  }
  // The next record, "<empty>" or "<broken>".
  std::string Read() {
    std::span<const std::byte> record;
    switch (reader.Front(record)) {
      case RingReader::Next::kEmpty:
        return "<empty>";
      case RingReader::Next::kBroken:
        return "<broken>";
      case RingReader::Next::kRecord:
        break;
    }
    std::string text(record.size(), '\0');
    if (!record.empty()) {
      std::memcpy(text.data(), record.data(), record.size());
    }
    reader.Pop();
    return text;
  }
  void StoreHeader(std::size_t offset, std::uint32_t bytes, std::uint32_t filler) {
    const RecordHeader header{bytes, filler};
    std::memcpy(memory.data() + offset, &header, sizeof(header));
  }
};

TEST(ByteRing, KeepsOrderAndContentOverManyLaps) {
  Ring ring;
  std::mt19937 random(1);
  std::vector<std::string> written;
  std::size_t read = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text(random() % (MaxRecordBytes(kCapacity) + 1), static_cast<char>('a' + i % 26));
    if (random() % 2 == 0 && ring.Write(text)) {
      written.push_back(text);
    } else if (read < written.size()) {
      ASSERT_EQ(ring.Read(), written[read]);
      ++read;
    } else {
      ASSERT_EQ(ring.Read(), "<empty>");
    }
  }
  EXPECT_GT(read, 1000U);
}

TEST(ByteRing, TakesTheLargestRecordWheneverItIsEmpty) {
  Ring ring;
  const std::string largest(MaxRecordBytes(kCapacity), 'x');
  for (std::size_t lead = 0; lead < kCapacity; lead += 8) {
    ASSERT_TRUE(ring.Write(std::string(lead % 200, 'y')));
    ASSERT_EQ(ring.Read().size(), lead % 200);
    ASSERT_TRUE(ring.Write(largest)) << lead;
    ASSERT_EQ(ring.Read(), largest);
  }
}

TEST(ByteRing, RoomThatIsThereIsEnoughForAllRecordsAndOneFiller) {
  // What a replica relies on when it takes a request: room for n records and one more is room for any n
  // records.
  constexpr std::size_t kRecord = 100;
  for (std::size_t lead = 0; lead < kCapacity / 8; ++lead) {
    Ring ring;
    for (std::size_t i = 0; i < lead; ++i) {
      ASSERT_TRUE(ring.Write(""));
      ASSERT_EQ(ring.Read(), "");
    }
    std::size_t records = 0;
    while (ring.writer.HasRoom((records + 2) * RecordBytes(kRecord))) {
      ++records;
    }
    for (std::size_t i = 0; i < records; ++i) {
      ASSERT_TRUE(ring.Write(std::string(kRecord, 'z'))) << lead;
    }
  }
}

TEST(ByteRing, FullIsRefusedAndNothingIsLost) {
  Ring ring;
  int written = 0;
  while (ring.Write("record " + std::to_string(written))) {
    ++written;
  }
  EXPECT_FALSE(ring.writer.broken());
  for (int i = 0; i < written; ++i) {
    EXPECT_EQ(ring.Read(), "record " + std::to_string(i));
  }
  EXPECT_EQ(ring.Read(), "<empty>");
  EXPECT_TRUE(ring.Write("again"));
}

TEST(ByteRing, WriterThatMovesItsIndexWrongBreaksTheRing) {
  for (const std::uint64_t tail : {std::uint64_t{7}, std::uint64_t{kCapacity + 8}, ~std::uint64_t{7}}) {
    Ring ring;
    ring.indexes.tail = tail;
    EXPECT_EQ(ring.Read(), "<broken>") << tail;
    ring.indexes.tail = 0;
    EXPECT_EQ(ring.Read(), "<broken>") << "for good";
  }
  Ring ring;
  ASSERT_TRUE(ring.Write("one"));
  ASSERT_EQ(ring.Read(), "one");
  ring.indexes.tail = 0;  // backwards
  EXPECT_EQ(ring.Read(), "<broken>");
}

TEST(ByteRing, WriterThatLiesAboutLengthsBreaksTheRing) {
  struct Lie {
    std::uint32_t bytes;
    std::uint32_t filler;
    std::uint64_t tail;
  };
  for (const Lie& lie :
       {Lie{100, 0, 64}, Lie{0xffffffff, 0, 64}, Lie{2 * kCapacity, 0, kCapacity}, Lie{8, 2, 64},
        Lie{8, 1, 64}, Lie{kCapacity - 8, 1, kCapacity}, Lie{0xfffffff8, 1, kCapacity}}) {
    Ring ring;
    ring.StoreHeader(0, lie.bytes, lie.filler);
    ring.indexes.tail = lie.tail;
    EXPECT_EQ(ring.Read(), "<broken>") << lie.bytes << " " << lie.filler << " " << lie.tail;
  }
}

TEST(ByteRing, ReaderThatMovesItsIndexWrongBreaksTheRing) {
  for (const std::uint64_t head : {std::uint64_t{4}, std::uint64_t{1} << 40, ~std::uint64_t{7}}) {
    Ring ring;
    while (ring.Write("fill it up")) {
    }
    ring.indexes.head = head;
    EXPECT_EQ(ring.writer.Claim(100), nullptr);
    EXPECT_TRUE(ring.writer.broken()) << head;
    ring.indexes.head = 512;
    EXPECT_EQ(ring.writer.Claim(100), nullptr) << "for good";
  }
}

TEST(ByteRing, CarriesRecordsBetweenThreads) {
  Ring ring;
  constexpr int kRecords = 50'000;
  std::thread writer([&ring] {
    for (int i = 0; i < kRecords;) {
      if (ring.Write(std::string(static_cast<std::size_t>(i % 150), static_cast<char>('a' + i % 26)))) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  int wrong = 0;
  for (int i = 0; i < kRecords;) {
    const std::string text = ring.Read();
    if (text == "<empty>") {
      std::this_thread::yield();
      continue;
    }
    wrong += text == std::string(static_cast<std::size_t>(i % 150), static_cast<char>('a' + i % 26)) ? 0 : 1;
    ++i;
  }
  writer.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace gaios::rsm
