#include "gaios/cli/demo/order_flow.h"

#include <cstring>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/rsm/feeds/generator.h"
#include "gaios/rsm/feeds/open.h"
#include "gaios/rsm/feeds/to_commands.h"

namespace gaios::cli {

absl::StatusOr<std::unique_ptr<OrderFlow>> OrderFlow::Generate(std::uint64_t seed) {
  feeds::GeneratorOptions options;
  options.seed = seed;
  options.instruments = 100;
  options.target_orders = 100'000;
  absl::StatusOr<std::unique_ptr<feeds::Generator>> generator = feeds::Generator::Create(options);
  if (!generator.ok()) {
    return generator.status();
  }
  return std::unique_ptr<OrderFlow>(new OrderFlow(*std::move(generator)));
}

absl::StatusOr<std::unique_ptr<OrderFlow>> OrderFlow::Open(const std::string& path) {
  absl::StatusOr<std::unique_ptr<feeds::Feed>> feed = feeds::OpenFeed(path);
  if (!feed.ok()) {
    return feed.status();
  }
  return std::unique_ptr<OrderFlow>(new OrderFlow(*std::move(feed)));
}

std::optional<std::span<const std::byte>> OrderFlow::Next() {
  feeds::OrderEvent event;
  if (feed_->Next(event) != feeds::FeedState::kEvent) {
    return std::nullopt;
  }
  const feeds::BookCommand command = feeds::ToCommand(event);
  const std::span<const std::byte> bytes = feeds::BytesOf(command);
  GAIOS_CHECK(bytes.size() + sizeof(std::uint64_t) <= bytes_.size(), "a command has room with its number");
  std::memcpy(bytes_.data(), bytes.data(), bytes.size());
  return std::span<const std::byte>(bytes_).first(bytes.size());
}

std::optional<std::span<const std::byte>> OrderFlow::NextNumbered(std::uint64_t number) {
  const std::optional<std::span<const std::byte>> bytes = Next();
  if (!bytes.has_value()) {
    return std::nullopt;
  }
  std::memcpy(bytes_.data() + bytes->size(), &number, sizeof(number));
  return std::span<const std::byte>(bytes_).first(bytes->size() + sizeof(number));
}

absl::StatusOr<std::uint64_t> CountEvents(const std::string& path, std::uint64_t limit) {
  absl::StatusOr<std::unique_ptr<feeds::Feed>> feed = feeds::OpenFeed(path);
  if (!feed.ok()) {
    return feed.status();
  }
  std::uint64_t events = 0;
  feeds::OrderEvent event;
  while (events < limit && (*feed)->Next(event) == feeds::FeedState::kEvent) {
    ++events;
  }
  return events;
}

}  // namespace gaios::cli
