#ifndef GAIOS_CLI_DEMO_RECORD_FILE_H_
#define GAIOS_CLI_DEMO_RECORD_FILE_H_

// The files that the demo's verdict rests on, and the writer of all:
//
// clang-format off
//   journal   one for each replica, written by its state machine as it is run: a record for each command, in order
//   acks      the client's: a record for each command that it was told is committed
//   sessions  the client's: a record for each session, with the first command that was to go into it
// clang-format on
//
// A file is a header of 64 bytes and `count` records of 24 bytes, in the byte order of the machine. What lies
// behind them is zeros, without meaning.
//
//   header  u64 magic, u32 version, u32 kind, u64 replica (journals), u64 count, u64 submitted (acks), zeros
//   record  u64 command, u64 slot, u64 state hash (journals)
//
// Commands are numbered by the client from 1, `submitted` being the last it ever sent; the number travels as
// the last eight bytes of each command. They run in the order of their numbers within a session; a session
// ends when commands are reported as unknown, and the next one begins with the next command. The slot is that
// in the log; in acks 0 when the client was told that the command had been run before, on an earlier sending
// whose answer it missed. The state hash is that after
// the command. A record is stored before it is counted, and the file is memory that outlives the process:
// kill -9 loses no record and leaves no half of one.
//
// A journal whose state machine goes on from a snapshot has a record of its own there: command kRestored, and
// as slot how many commands had been run where the snapshot was taken. What follows stands at the places from
// there on.
//
// This and verdict.h know nothing of the library that they judge. One thread; Append allocates nothing and
// makes a system call only when a window of the file is full.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace gaios::cli {

enum class RecordKind : std::uint32_t { kJournal = 1, kAcks = 2, kSessions = 3 };

struct RecordHeader {
  static constexpr std::uint64_t kMagic = 0x6f6d65642d6f6967;  // "gio-demo", as the bytes stand
  static constexpr std::uint32_t kVersion = 1;

  std::uint64_t magic = kMagic;
  std::uint32_t version = kVersion;
  RecordKind kind = RecordKind::kJournal;
  std::uint64_t replica = 0;
  std::uint64_t count = 0;
  std::uint64_t submitted = 0;
  std::uint64_t reserved[3] = {};
};
static_assert(sizeof(RecordHeader) == 64);

struct Record {
  static constexpr std::uint64_t kRestored = ~std::uint64_t{0};

  std::uint64_t command = 0;
  std::uint64_t slot = 0;
  std::uint64_t state_hash = 0;
};
static_assert(sizeof(Record) == 24);

class RecordWriter {
 public:
  // Replaces the file at `path`. The error names it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<RecordWriter>> Create(const std::string& path,
                                                                            RecordKind kind,
                                                                            std::uint64_t replica);
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;
  ~RecordWriter();

  // False when the file cannot be made larger: the record is not in it, and neither may be later ones.
  [[nodiscard]] bool Append(const Record& record);
  void SetSubmitted(std::uint64_t submitted);
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  // Records mapped at a time. A window begins and ends at page boundaries of its own, records may cross into
  // the next page of it but not into the next window.
  static constexpr std::size_t kWindowRecords = std::size_t{1} << 16;

  RecordWriter(int fd, RecordHeader* header) : fd_(fd), header_(header) {}
  [[nodiscard]] bool MapNextWindow();

  const int fd_;
  RecordHeader* const header_;
  void* window_ = nullptr;
  std::size_t window_bytes_ = 0;
  Record* next_ = nullptr;
  Record* end_ = nullptr;
  std::uint64_t count_ = 0;
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_RECORD_FILE_H_
