#include "bench/book_flow.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>

#include "gaios/rsm/feeds/generator.h"
#include "gaios/rsm/feeds/open.h"
#include "gaios/rsm/feeds/to_commands.h"

namespace gaios::bench {
namespace {

BookMessage Encode(const feeds::OrderEvent& event) {
  const feeds::BookCommand command = feeds::ToCommand(event);
  const std::span<const std::byte> bytes = feeds::BytesOf(command);
  BookMessage message = {};
  std::memcpy(message.bytes.data(), bytes.data(), bytes.size());
  message.size = static_cast<std::uint32_t>(bytes.size());
  return message;
}

}  // namespace

absl::StatusOr<BookFlow> BookFlow::Recorded(const std::string& path) {
  absl::StatusOr<std::unique_ptr<feeds::Feed>> feed = feeds::OpenFeed(path);
  if (!feed.ok()) {
    return feed.status();
  }
  BookFlow flow;
  flow.name = std::filesystem::path(path).filename().string();
  std::uint32_t instruments = 1;
  feeds::OrderEvent event;
  while ((*feed)->Next(event) == feeds::FeedState::kEvent) {
    instruments = std::max(instruments, event.instrument + 1);
    flow.messages.push_back(Encode(event));
  }
  flow.book = {
      .instruments = instruments,
      .max_orders = std::max<std::uint32_t>(1U << 16, static_cast<std::uint32_t>(flow.messages.size()))};
  return flow;
}

absl::StatusOr<BookFlow> BookFlow::Generated(std::uint32_t instruments, std::uint32_t resting_orders,
                                             std::size_t messages) {
  // A little above the target, around which the number of resting orders then stays.
  absl::StatusOr<std::unique_ptr<feeds::Generator>> generator =
      feeds::Generator::Create({.instruments = instruments, .target_orders = resting_orders});
  if (!generator.ok()) {
    return generator.status();
  }
  BookFlow flow;
  flow.name = "generated";
  flow.book = {.instruments = instruments, .max_orders = resting_orders + resting_orders / 4};
  feeds::OrderEvent event;
  while ((*generator)->live_orders() < resting_orders &&
         (*generator)->Next(event) == feeds::FeedState::kEvent) {
    flow.preparation.push_back(Encode(event));
  }
  flow.messages.reserve(messages);
  while (flow.messages.size() < messages && (*generator)->Next(event) == feeds::FeedState::kEvent) {
    flow.messages.push_back(Encode(event));
  }
  return flow;
}

}  // namespace gaios::bench
