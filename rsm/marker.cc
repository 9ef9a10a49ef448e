#include "gaios/rsm/marker.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

constexpr std::uint32_t kMarkerVersion = 1;
constexpr std::size_t kMaxMarkerBytes = 4096;
constexpr mode_t kOwnerOnly = 0600;
constexpr mode_t kOwnerOnlyDirectory = 0700;

absl::Status FileError(const char* what, const std::string& path, int error) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, " ", path, ": ",
                                             std::generic_category().message(error),
                                             "; check that this user may write to the group's directory"));
}

// A descriptor closed on every way out.
class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, kOwnerOnly)) {}
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

// `text` stays without a value when there is no such file.
absl::Status ReadFile(const std::string& path, std::optional<std::string>& text) {
  const File file(path, O_RDONLY);
  if (file.get() < 0) {
    return errno == ENOENT ? absl::OkStatus() : FileError("read", path, errno);
  }
  std::string read(kMaxMarkerBytes, '\0');
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

absl::Status SyncDirectory(const std::string& directory) {
  const File file(directory, O_RDONLY | O_DIRECTORY);
  if (file.get() < 0 || ::fsync(file.get()) != 0) {
    return FileError("sync directory", directory, errno);
  }
  return absl::OkStatus();
}

// The file at `path` is the old one or the whole new one, whatever happens, and the new one once this has
// returned.
absl::Status WriteAtomically(const std::string& directory, const std::string& path, std::string_view text) {
  const std::string unfinished = path + ".new";
  {
    const File file(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (file.get() < 0) {
      return FileError("create", unfinished, errno);
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
  }
  if (::rename(unfinished.c_str(), path.c_str()) != 0) {
    return FileError("create", path, errno);
  }
  return SyncDirectory(directory);
}

std::string MarkerText(const Config& config, ReplicaId id, std::uint32_t starts) {
  nlohmann::ordered_json marker;
  marker["gaios_marker"] = kMarkerVersion;
  marker["group"] = config.group;
  marker["epoch"] = config.epoch;
  marker["replica"] = id.value();
  marker["starts"] = starts;
  // A name that is no UTF-8 is written with replacements rather than thrown about.
  return marker.dump(2, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace) + "\n";
}

struct Marker {
  std::uint64_t version = 0;
  std::string group;
  std::uint64_t epoch = 0;
  std::uint64_t replica = 0;
  std::uint64_t starts = 0;
};

bool ReadNumber(const nlohmann::json& object, const char* key, std::uint64_t& value) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) {
    return false;
  }
  value = found->get<std::uint64_t>();
  return true;
}

// Nothing when the text is not a marker of any kind. Of another version only that is read.
std::optional<Marker> ParseMarker(const std::string& text) {
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  Marker marker;
  if (!object.is_object() || !ReadNumber(object, "gaios_marker", marker.version)) {
    return std::nullopt;
  }
  if (marker.version != kMarkerVersion) {
    return marker;
  }
  const auto group = object.find("group");
  if (group == object.end() || !group->is_string() || !ReadNumber(object, "epoch", marker.epoch) ||
      !ReadNumber(object, "replica", marker.replica) || !ReadNumber(object, "starts", marker.starts) ||
      marker.starts >= paxos::Ballot::kMaxIncarnation) {
    return std::nullopt;
  }
  marker.group = group->get<std::string>();
  return marker;
}

// Why a marker is not this replica's, or nothing when it is.
absl::Status CheckIsOurs(const Marker& marker, const Config& config, ReplicaId id, const std::string& path) {
  std::string found;
  if (marker.version != kMarkerVersion) {
    found = absl::StrCat("of version ", marker.version, ", this program writes version ", kMarkerVersion);
  } else if (marker.group != config.group) {
    found = absl::StrCat("of group \"", marker.group, "\", this is group \"", config.group, "\"");
  } else if (marker.epoch != config.epoch) {
    found = absl::StrCat("of epoch ", marker.epoch, ", the config says epoch ", config.epoch);
  } else if (marker.replica != id.value()) {
    found = absl::StrCat("of replica ", marker.replica, ", this is replica ", id.value());
  } else {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is the marker ", found, "; give this group a directory of its own in the config"));
}

absl::StatusOr<std::uint32_t> DrawLearnerIncarnation() {
  std::uint32_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != static_cast<ssize_t>(sizeof(random))) {
    return absl::UnavailableError("the system gives no random numbers; start again");
  }
  // The lower half of the learners' range, so that millions of later starts have room above.
  return kFirstLearnerIncarnation + (random % (kFirstLearnerIncarnation / 2));
}

absl::Status CreateDirectory(const std::string& directory) {
  std::error_code error;
  const std::filesystem::path parent =
      std::filesystem::absolute(directory, error).lexically_normal().parent_path();
  std::filesystem::create_directories(parent, error);
  // The group's own directory is private: sockets and markers of replicas are in it.
  if (error || (::mkdir(directory.c_str(), kOwnerOnlyDirectory) != 0 && errno != EEXIST)) {
    return FileError("create directory", directory, error ? error.value() : errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<Start> StartWithoutMarker(const Config& config, ReplicaId id, const std::string& path,
                                         bool unreadable) {
  const absl::StatusOr<std::uint32_t> drawn = DrawLearnerIncarnation();
  if (!drawn.ok()) {
    return drawn.status();
  }
  absl::Status status = CreateDirectory(config.directory);
  // What cannot be read is kept for whoever wants to know how that came about.
  const std::string aside = path + ".unreadable";
  if (status.ok() && unreadable && ::rename(path.c_str(), aside.c_str()) != 0) {
    status = FileError("move aside", path, errno);
  }
  if (status.ok()) {
    status = WriteAtomically(config.directory, path, MarkerText(config, id, *drawn));
  }
  if (!status.ok()) {
    return status;
  }
  Start start;
  start.incarnation = paxos::Incarnation(*drawn);
  start.notice = absl::StrCat(
      "replica ", id.value(), " does not vote: its bootstrap marker ", path,
      unreadable ? absl::StrCat(" was unreadable (now ", aside, ")") : std::string(" is missing"),
      ", so it cannot know what it has promised before; it waits to be readmitted");
  return start;
}

}  // namespace

std::string MarkerPath(const Config& config, ReplicaId id) {
  return absl::StrCat(config.directory, "/replica-", id.value(), ".marker");
}

absl::Status Bootstrap(const Config& config) {
  if (absl::Status status = CreateDirectory(config.directory); !status.ok()) {
    return status;
  }
  // All are looked for before any is made, so that a refusal leaves things as they were.
  for (const ReplicaConfig& replica : config.replicas) {
    const std::string path = MarkerPath(config, replica.id);
    struct stat facts = {};
    if (::lstat(path.c_str(), &facts) == 0) {
      return absl::AlreadyExistsError(absl::StrCat(
          path, " exists: group \"", config.group,
          "\" has been bootstrapped, or a replica was started before it was. A second bootstrap would let "
          "replicas "
          "vote that have forgotten what they promised, and what was committed could be lost. If this group "
          "is "
          "given up for good, stop its replicas, then raise epoch in the config and use another directory"));
    }
    if (errno != ENOENT) {
      return FileError("look for", path, errno);
    }
  }
  for (const ReplicaConfig& replica : config.replicas) {
    absl::Status status =
        WriteAtomically(config.directory, MarkerPath(config, replica.id), MarkerText(config, replica.id, 0));
    if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Start> TakeIncarnation(const Config& config, ReplicaId id) {
  const std::string path = MarkerPath(config, id);
  std::optional<std::string> text;
  if (absl::Status status = ReadFile(path, text); !status.ok()) {
    return status;
  }
  const std::optional<Marker> marker = text.has_value() ? ParseMarker(*text) : std::nullopt;
  if (!marker.has_value()) {
    return StartWithoutMarker(config, id, path, /*unreadable=*/text.has_value());
  }
  if (absl::Status status = CheckIsOurs(*marker, config, id, path); !status.ok()) {
    return status;
  }
  const auto incarnation = static_cast<std::uint32_t>(marker->starts + 1);
  if (incarnation == kFirstLearnerIncarnation) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " has counted as many starts as there can be; remove it, and the replica starts as a learner"));
  }
  absl::Status status = WriteAtomically(config.directory, path, MarkerText(config, id, incarnation));
  if (!status.ok()) {
    return status;
  }
  Start start;
  start.incarnation = paxos::Incarnation(incarnation);
  start.first_start = incarnation == 1;
  if (!start.first_start) {
    start.notice = absl::StrCat(
        "replica ", id.value(), " does not vote: ",
        incarnation > kFirstLearnerIncarnation
            ? std::string("its bootstrap marker had been lost")
            : absl::StrCat("this is start ", incarnation, ", and what it promised before was in memory"),
        "; it waits to be readmitted");
  }
  return start;
}

}  // namespace gaios::rsm
