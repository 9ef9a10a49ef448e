#ifndef GAIOS_RSM_CONFIG_SECTION_H_
#define GAIOS_RSM_CONFIG_SECTION_H_

// One table of a config file, read strictly. For config.cc, config_network.cc and config_paths.cc alone.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <toml++/toml.h>

namespace gaios::rsm {

inline std::string Listed(std::span<const std::string_view> names) {
  std::string list;
  for (const std::string_view name : names) {
    list.append(list.empty() ? "" : ", ").append(name);
  }
  return list;
}

struct Bounds {
  std::int64_t min;
  std::int64_t max;
};

// One table of the file. The first thing that is wrong is kept; what is read after it are defaults.
class Section {
 public:
  // `path` is empty for the top level. `table` may be null: a section left out.
  Section(const toml::table* table, std::string path, std::string file, absl::Status& status)
      : table_(table), path_(std::move(path)), file_(std::move(file)), status_(status) {}

  // Every key must be one of `known`.
  void AllowOnly(std::span<const std::string_view> known) {
    if (table_ == nullptr) {
      return;
    }
    for (const auto& [key, node] : *table_) {
      if (std::find(known.begin(), known.end(), key.str()) == known.end()) {
        Fail(key.source().begin.line, key.str(),
             absl::StrCat("is not a key", path_.empty() ? " of the top level" : "", "; known here are ",
                          Listed(known)));
      }
    }
  }

  [[nodiscard]] std::string RequiredText(std::string_view key) {
    const toml::node* const node = Find(key);
    if (node == nullptr) {
      Fail(table_ == nullptr ? 1 : LineOf(*table_), key, "is missing; it has no default");
      return {};
    }
    const std::optional<std::string> value = node->value_exact<std::string>();
    if (!value.has_value() || value->empty()) {
      Fail(LineOf(*node), key, "must be a text in quotes, and not an empty one");
      return {};
    }
    return *value;
  }

  [[nodiscard]] std::optional<std::int64_t> Integer(std::string_view key, Bounds bounds) {
    const toml::node* const node = Find(key);
    if (node == nullptr) {
      return std::nullopt;
    }
    const std::optional<std::int64_t> value = node->value_exact<std::int64_t>();
    if (!value.has_value()) {
      Fail(LineOf(*node), key, "must be a whole number, without quotes or a decimal point");
      return std::nullopt;
    }
    if (*value < bounds.min || *value > bounds.max) {
      Fail(LineOf(*node), key,
           absl::StrCat("is ", *value, "; it must be between ", bounds.min, " and ", bounds.max));
      return std::nullopt;
    }
    return value;
  }

  // An integer times `scale`, stored in `value`, which keeps its default when the key is absent.
  template <typename Number>
  void Read(std::string_view key, Bounds bounds, std::uint64_t scale, Number& value) {
    if (const std::optional<std::int64_t> read = Integer(key, bounds); read.has_value()) {
      value = static_cast<Number>(static_cast<std::uint64_t>(*read) * scale);
    }
  }

  // True or false, stored in `value`, which keeps its default when the key is absent.
  void ReadFlag(std::string_view key, bool& value) {
    const toml::node* const node = Find(key);
    if (node == nullptr) {
      return;
    }
    const std::optional<bool> read = node->value_exact<bool>();
    if (!read.has_value()) {
      Fail(LineOf(*node), key, "must be true or false, without quotes");
      return;
    }
    value = *read;
  }

  [[nodiscard]] const toml::node* Find(std::string_view key) const {
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  // Where `key` stands, or where it is missing.
  [[nodiscard]] std::uint32_t LineOf(std::string_view key) const {
    const toml::node* const node = Find(key);
    return node != nullptr ? LineOf(*node) : table_ != nullptr ? LineOf(*table_) : 1;
  }
  [[nodiscard]] static std::uint32_t LineOf(const toml::node& node) {
    return std::max<std::uint32_t>(node.source().begin.line, 1);
  }

  void Fail(std::uint32_t line, std::string_view key, const std::string& what) {
    if (status_.ok()) {
      status_ =
          absl::InvalidArgumentError(absl::StrCat(file_, ":", std::max<std::uint32_t>(line, 1), ": ", path_,
                                                  path_.empty() ? "" : ".", std::string(key), " ", what));
    }
  }
  void FailAt(std::string_view key, const std::string& what) { Fail(LineOf(key), key, what); }

 private:
  const toml::table* const table_;
  const std::string path_;
  const std::string file_;
  absl::Status& status_;
};

// The table of a section, null when it is left out or is not a table, which is an error.
inline const toml::table* Subtable(Section& top, const std::string& key) {
  const toml::node* const node = top.Find(key);
  if (node != nullptr && !node->is_table()) {
    top.FailAt(key, absl::StrCat("must be a section: [", key, "]"));
  }
  return node == nullptr ? nullptr : node->as_table();
}

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CONFIG_SECTION_H_
