#include "gaios/rsm/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

namespace gaios::rsm {
namespace {

constexpr std::size_t kMaxFileBytes = 4096;
constexpr mode_t kOwnerOnlyDirectory = 0700;

absl::Status FileError(const char* what, const std::string& path, int error) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, " ", path, ": ",
                                             std::generic_category().message(error),
                                             "; check that this user may write to the group's directory"));
}

// A descriptor closed on every way out.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status SyncDirectory(const std::string& directory) {
  const File file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) {
    return FileError("sync directory", directory, errno);
  }
  return absl::OkStatus();
}

// Writes and syncs `text` under a name that nobody else has, which is returned in `unfinished`.
absl::Status WriteUnfinished(const std::string& path, std::string_view text, std::string& unfinished) {
  unfinished = path + ".XXXXXX";
  const File file(::mkostemp(unfinished.data(), O_CLOEXEC));  // for the owner only
  if (file.get() < 0) {
    return FileError("create", path, errno);
  }
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return FileError("write", unfinished, errno);
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file.get()) != 0) {
    return FileError("sync", unfinished, errno);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadFile(const std::string& path, std::optional<std::string>& text) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    return errno == ENOENT ? absl::OkStatus() : FileError("read", path, errno);
  }
  std::string read(kMaxFileBytes, '\0');
  std::size_t size = 0;
  while (size < read.size()) {
    const ssize_t more = ::read(file.get(), read.data() + size, read.size() - size);
    if (more < 0 && errno == EINTR) {
      continue;
    }
    if (more < 0) {
      return FileError("read", path, errno);
    }
    if (more == 0) {
      break;
    }
    size += static_cast<std::size_t>(more);
  }
  read.resize(size);
  text = std::move(read);
  return absl::OkStatus();
}

absl::Status CreateFile(const std::string& directory, const std::string& name, std::string_view text) {
  const std::string path = absl::StrCat(directory, "/", name);
  std::string unfinished;
  absl::Status status = WriteUnfinished(path, text, unfinished);
  // Unlike a rename, a link is refused when the name is taken.
  if (status.ok() && ::link(unfinished.c_str(), path.c_str()) != 0) {
    status = errno == EEXIST ? absl::AlreadyExistsError(absl::StrCat(path, " exists"))
                             : FileError("create", path, errno);
  }
  ::unlink(unfinished.c_str());
  return status.ok() ? SyncDirectory(directory) : status;
}

absl::Status ReplaceFile(const std::string& directory, const std::string& name, std::string_view text) {
  const std::string path = absl::StrCat(directory, "/", name);
  std::string unfinished;
  absl::Status status = WriteUnfinished(path, text, unfinished);
  if (status.ok() && ::rename(unfinished.c_str(), path.c_str()) != 0) {
    status = FileError("replace", path, errno);
  }
  if (!status.ok()) {
    ::unlink(unfinished.c_str());
    return status;
  }
  return SyncDirectory(directory);
}

absl::Status RenameFile(const std::string& directory, const std::string& from, const std::string& to) {
  const std::string path = absl::StrCat(directory, "/", from);
  if (::rename(path.c_str(), absl::StrCat(directory, "/", to).c_str()) != 0) {
    return FileError("move aside", path, errno);
  }
  return SyncDirectory(directory);
}

absl::Status CreateDirectory(const std::string& directory) {
  std::error_code error;
  std::filesystem::path whole = std::filesystem::absolute(directory, error).lexically_normal();
  if (!whole.has_filename()) {
    whole = whole.parent_path();  // the name ended in a slash
  }
  const std::filesystem::path parent = whole.parent_path();
  std::filesystem::create_directories(parent, error);
  if (error) {
    return FileError("create directory", directory, error.value());
  }
  if (::mkdir(directory.c_str(), kOwnerOnlyDirectory) == 0) {
    return SyncDirectory(parent.string());
  }
  return errno == EEXIST ? absl::OkStatus() : FileError("create directory", directory, errno);
}

}  // namespace gaios::rsm
