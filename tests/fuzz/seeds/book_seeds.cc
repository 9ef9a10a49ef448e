#include <limits>

#include "gaios/rsm/command_codec.h"
#include "gaios/rsm/order_book/commands.h"

#include "tests/fuzz/seeds/corpus.h"
#include "tests/rsm/order_book/random_commands.h"

namespace gaios::fuzz {
namespace {

// Whole commands, as book_commands.cc takes bytes.
Says Commands(std::uint64_t seed, int count, const order_book::RandomProfile& profile) {
  order_book::RandomCommands commands(seed, profile);
  Says says;
  for (int i = 0; i < count; ++i) {
    const std::span<const std::byte> command = commands.Next();
    if (command.size() < order_book::kMaxCommandBytes + 8) {
      says.Then(Says{0, static_cast<std::uint8_t>(command.size())}).Bytes(command);
    }
  }
  return says;
}

void WriteBooks(const Corpus& corpus) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    corpus.Add(
        "order_book", "commands-" + std::to_string(seed),
        Commands(seed, 90, {.instruments = 2, .ids = 40, .owners = 3, .prices = 8, .nonsense_percent = 8}));
  }
  corpus.AddRandom("order_book", 8, 900, 16);

  // Prices that no book has, announced as often as it takes to be looked up.
  for (const order_book::Price price :
       {std::numeric_limits<order_book::Price>::min(), std::numeric_limits<order_book::Price>::max()}) {
    Says says;
    for (std::uint8_t i = 0; i < 24; ++i) {
      const order_book::NewOrder order{
          .side = static_cast<order_book::Side>(i % 2), .order_id = 1, .price = price, .quantity = 1};
      const order_book::Replace replace{.order_id = i + 1U, .new_order_id = 1, .price = price, .quantity = 1};
      says.Then(Says{2, sizeof(order)}).Value(order).Then(Says{sizeof(replace)}).Value(replace);
      says.Then(Says{0, 0});
    }
    corpus.Add("order_book_large", price < 0 ? "lowest-price" : "highest-price", says);
  }
  corpus.AddRandom("order_book_large", 3, 900, 17);

  for (std::uint8_t damage = 0; damage < 4; ++damage) {
    corpus.Add("order_book_snapshot", "damaged-" + std::to_string(damage),
               Says{40}
                   .Then(Commands(7, 40, {.instruments = 2, .ids = 90, .owners = 2, .prices = 40}))
                   .Then(Says{1, 1, 200, 0, damage, 2, 0}));
  }
  corpus.AddRandom("order_book_snapshot", 6, 700, 18);
}

void WriteBatches(const Corpus& corpus) {
  Says batch;
  for (const rsm::CommandKind kind : {rsm::CommandKind::kUser, rsm::CommandKind::kSession,
                                      rsm::CommandKind::kOpenSession, rsm::CommandKind::kStateHash}) {
    std::array<std::byte, 48> place = {};
    const std::size_t length = kind == rsm::CommandKind::kOpenSession ? 0 : 16;
    static_cast<void>(rsm::EncodeCommandPrefix(kind, {1, 2}, length, place));
    batch.Bytes(std::span(place).first(rsm::CommandPrefixBytes(kind) + length));
  }
  corpus.Add("command_batch", "each-kind", batch);
  corpus.Add("command_batch", "largest-length", Says{255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0});
  corpus.Add("command_batch", "prefix-alone", Says{0, 0, 0, 0, 2, 0, 0, 0, 1});
  corpus.AddRandom("command_batch", 4, 400, 19);
}

}  // namespace

void WriteBookSeeds(const Corpus& corpus) {
  WriteBooks(corpus);
  WriteBatches(corpus);
  corpus.AddRandom("sessions", 12, 1200, 20);
  corpus.AddRandom("snapshot_file", 12, 200, 21);
}

}  // namespace gaios::fuzz
