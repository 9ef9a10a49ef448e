#include "gaios/rsm/snapshot/unfinished_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/rsm/durable_file.h"

namespace gaios::rsm {
namespace {

constexpr mode_t kOwnerOnly = 0600;

std::string UnfinishedName(const std::string& path) {
  return path + ".unfinished";
}

absl::Status FileError(const char* what, const std::string& path, int error) {
  const std::string text =
      absl::StrCat("cannot ", what, " ", path, ": ", std::generic_category().message(error));
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(
        absl::StrCat(text, "; make room there, raise the limit, or name a directory on a larger disk"));
  }
  return absl::UnavailableError(
      absl::StrCat(text, "; check that the directory exists and that this user may write to it"));
}

}  // namespace

void UnfinishedFile::RemoveLeft(const std::string& path) {
  ::unlink(UnfinishedName(path).c_str());
}

absl::StatusOr<std::unique_ptr<UnfinishedFile>> UnfinishedFile::Create(const std::string& path) {
  const std::string name = UnfinishedName(path);
  for (;;) {
    base::UniqueFd file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
    if (!file.valid()) {
      return FileError("create", name, errno);
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      return absl::AlreadyExistsError(
          absl::StrCat("another process writes ", name, " now; wait until it is done, or name another file"));
    }
    // Its former writer may have finished, or removed it, between our opening and our locking it.
    struct stat held = {};
    struct stat named = {};
    if (::fstat(file.get(), &held) != 0 || ::stat(name.c_str(), &named) != 0 || held.st_ino != named.st_ino) {
      continue;
    }
    if (::ftruncate(file.get(), 0) != 0) {
      return FileError("write", name, errno);
    }
    return std::unique_ptr<UnfinishedFile>(new UnfinishedFile(path, std::move(file)));
  }
}

UnfinishedFile::~UnfinishedFile() {
  if (file_.valid()) {
    RemoveLeft(path_);
  }
}

absl::Status UnfinishedFile::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return FileError("write", UnfinishedName(path_), errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status UnfinishedFile::Finish() {
  const std::filesystem::path whole(path_);
  const std::string directory = whole.has_parent_path() ? whole.parent_path().string() : ".";
  if (::fsync(file_.get()) != 0) {
    return FileError("sync", UnfinishedName(path_), errno);
  }
  const std::string name = whole.filename().string();
  if (absl::Status status = RenameFile(directory, UnfinishedName(name), name); !status.ok()) {
    return status;
  }
  file_.Close();
  return absl::OkStatus();
}

}  // namespace gaios::rsm
