#ifndef GAIOS_RSM_DURABLE_FILE_H_
#define GAIOS_RSM_DURABLE_FILE_H_

// Small files that are there in whole or not at all, whatever dies when: the content is synced under another
// name, then gets its own, then the directory is synced. When a call has returned well, what it did survives
// a crash of the system. All calls block on the disk. Errors are Unavailable, with the path and what the
// system said, unless stated otherwise. Stateless and thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

namespace gaios::rsm {

// `text` stays without a value when there is no such file. What is longer than any file of ours is cut.
[[nodiscard]] absl::Status ReadFile(const std::string& path, std::optional<std::string>& text);

// AlreadyExists, and nothing is changed, when there is anything at `path`. Of several at once one makes it.
[[nodiscard]] absl::Status CreateFile(const std::string& directory, const std::string& name,
                                      std::string_view text);
// Puts the new content in the place of what was there.
[[nodiscard]] absl::Status ReplaceFile(const std::string& directory, const std::string& name,
                                       std::string_view text);
[[nodiscard]] absl::Status RenameFile(const std::string& directory, const std::string& from,
                                      const std::string& to);

// Private to the user. Parents are made if need be. Well when it is there already.
[[nodiscard]] absl::Status CreateDirectory(const std::string& directory);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_DURABLE_FILE_H_
