// A file of NASDAQ ITCH 5.0 of any bytes, plain or compressed: see feed_check.h for what must hold.

#include "gaios/rsm/feeds/itch.h"

#include "tests/fuzz/feed_check.h"
#include "tests/fuzz/feed_file.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {

void RunTarget(std::span<const std::byte> input) {
  if (std::unique_ptr<feeds::Input> file = OpenBytes(input); file != nullptr) {
    const bool plain = file->compression() == feeds::Compression::kNone;
    feeds::ItchFeed feed(std::move(file));
    CheckFeed(feed, plain ? input.size() : 0);
  }
}

}  // namespace gaios::fuzz
