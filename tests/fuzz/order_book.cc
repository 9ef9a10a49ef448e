// Command bytes for the order book. See book_commands.h for what they are, and book.h for what must hold
// after each and of the snapshot at the end.

#include "tests/fuzz/book.h"
#include "tests/fuzz/book_commands.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {

void RunTarget(std::span<const std::byte> input) {
  Choices choices(input);
  Book book;
  while (!choices.empty()) {
    ApplyChosen(book, choices);
  }
  book.CheckSnapshot();
}

}  // namespace gaios::fuzz
