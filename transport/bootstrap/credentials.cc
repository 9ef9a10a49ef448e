#include "gaios/transport/bootstrap/credentials.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <string_view>
#include <system_error>

#include <absl/strings/str_cat.h>

#include "gaios/base/unique_fd.h"

namespace gaios::transport::bootstrap {
namespace {

// Longer than any file of a key, with room for white space.
constexpr std::size_t kMaxKeyFileBytes = 256;
constexpr const char* kMakeKey = "make one with `openssl rand -hex 32`, the same for all replicas";

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

absl::Status CannotOpen(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return absl::NotFoundError(absl::StrCat(path, ": there is no such file; correct the path in the config"));
  }
  return absl::PermissionDeniedError(absl::StrCat(
      path, ": ", ErrorText(error), "; it must be a file that the user of the process may read"));
}

absl::Status CheckOpenFile(const std::string& path, int fd) {
  struct stat about = {};
  if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    return absl::PermissionDeniedError(absl::StrCat(path, ": is not a plain file; put the secret into one"));
  }
  if (about.st_uid != ::geteuid() && about.st_uid != 0) {
    return absl::PermissionDeniedError(absl::StrCat(path, ": belongs to user ", about.st_uid,
                                                    ", who could change it; chown it to user ", ::geteuid(),
                                                    " or to root"));
  }
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": holds a secret and is open to others than its owner; run: chmod 600 ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<base::UniqueFd> OpenSecret(const std::string& path) {
  // Not to wait for the other end of a pipe.
  base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) {
    return CannotOpen(path, errno);
  }
  if (absl::Status status = CheckOpenFile(path, file.get()); !status.ok()) {
    return status;
  }
  return file;
}

int Digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

ClusterKey::~ClusterKey() {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

absl::Status CheckSecretFile(const std::string& path) {
  return OpenSecret(path).status();
}

absl::StatusOr<ClusterKey> ReadClusterKey(const std::string& path) {
  absl::StatusOr<base::UniqueFd> file = OpenSecret(path);
  if (!file.ok()) {
    return file.status();
  }
  std::array<char, kMaxKeyFileBytes> buffer = {};
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t got = ::read(file->get(), buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return CannotOpen(path, errno);
    }
    if (got == 0) {
      break;
    }
    size += static_cast<std::size_t>(got);
  }
  std::string_view text(buffer.data(), size);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  ClusterKey key;
  absl::Status status;
  if (text.size() != 2 * key.bytes.size()) {
    status = absl::InvalidArgumentError(
        absl::StrCat(path, ": holds ", size == buffer.size() ? "at least " : "", text.size(),
                     " characters, a key has ", 2 * key.bytes.size(), " hexadecimal digits; ", kMakeKey));
  } else if (!std::ranges::all_of(text, [](char c) { return Digit(c) >= 0; })) {
    status = absl::InvalidArgumentError(
        absl::StrCat(path, ": holds characters that are no hexadecimal digits; ", kMakeKey));
  } else {
    for (std::size_t i = 0; i < key.bytes.size(); ++i) {
      key.bytes[i] = static_cast<std::uint8_t>((Digit(text[2 * i]) << 4) | Digit(text[(2 * i) + 1]));
    }
    if (std::ranges::all_of(key.bytes, [&key](std::uint8_t byte) { return byte == key.bytes.front(); })) {
      status = absl::InvalidArgumentError(
          absl::StrCat(path, ": holds one byte over and over, which is no secret; ", kMakeKey));
    }
  }
  OPENSSL_cleanse(buffer.data(), buffer.size());
  if (!status.ok()) {
    return status;
  }
  return key;
}

}  // namespace gaios::transport::bootstrap
