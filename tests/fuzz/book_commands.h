#ifndef GAIOS_TESTS_FUZZ_BOOK_COMMANDS_H_
#define GAIOS_TESTS_FUZZ_BOOK_COMMANDS_H_

// Streams of order book commands as an input chooses them: any bytes, or commands whose ids, owners, prices
// and quantities are few enough to meet each other, now and then at the bounds of their range and beyond.

#include "tests/fuzz/book.h"
#include "tests/fuzz/choices.h"

namespace gaios::fuzz {

// Applies one command.
void ApplyChosen(Book& book, Choices& choices);

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_BOOK_COMMANDS_H_
