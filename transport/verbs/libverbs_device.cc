#include "gaios/transport/verbs/libverbs_device.h"

#include <arpa/inet.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

namespace gaios::transport::verbs {
namespace {

struct FreeList {
  void operator()(ibv_device** list) const { ibv_free_device_list(list); }
};
using DeviceList = std::unique_ptr<ibv_device*[], FreeList>;

std::vector<ibv_device*> Devices(DeviceList& list) {
  int count = 0;
  list.reset(ibv_get_device_list(&count));
  return list == nullptr ? std::vector<ibv_device*>()
                         : std::vector<ibv_device*>(list.get(), list.get() + count);
}

// What is known of it without opening it.
DeviceFacts FactsOf(ibv_device& device) {
  DeviceFacts facts;
  facts.name = ibv_get_device_name(&device);
  facts.driver = DriverOf(device.ibdev_path);
  facts.iwarp = device.transport_type == IBV_TRANSPORT_IWARP;
  return facts;
}

constexpr const char* kHowToGetOne =
    "load the driver of the adapter, or make a Soft-RoCE device: rdma link add rxe0 type rxe netdev "
    "INTERFACE";

std::string PortStateName(ibv_port_state state) {
  return ibv_port_state_str(state);
}

bool IsIpv4(const Gid& gid) {
  constexpr std::array<std::uint8_t, 12> kPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kPrefix.begin(), kPrefix.end(), gid.begin());
}

bool IsLinkLocal(const Gid& gid) {
  return gid[0] == 0xfe && (gid[1] & 0xc0) == 0x80;
}

}  // namespace

std::string DriverOf(const std::string& sysfs_directory) {
  const std::filesystem::path directory(sysfs_directory);
  std::error_code error;
  std::ifstream description(directory / "node_desc");
  std::string first;
  description >> first;
  // Older kernels show the adapter below a Soft-RoCE device as if it were its own.
  if (first == "rxe" || std::filesystem::exists(directory / "parent", error)) {
    return "rdma_rxe";
  }
  const std::filesystem::path driver = std::filesystem::read_symlink(directory / "device" / "driver", error);
  return error ? "" : driver.filename().string();
}

std::vector<DeviceFacts> RdmaDevices() {
  DeviceList list;
  std::vector<DeviceFacts> all;
  for (ibv_device* device : Devices(list)) {
    all.push_back(FactsOf(*device));
  }
  return all;
}

std::optional<GidEntry> ChooseGid(std::span<const GidEntry> entries) {
  std::optional<GidEntry> best;
  int best_rank = 3;
  for (const GidEntry& entry : entries) {
    const int rank = !entry.roce_v2 ? 3 : IsIpv4(entry.gid) ? 0 : IsLinkLocal(entry.gid) ? 2 : 1;
    if (rank < best_rank) {
      best = entry;
      best_rank = rank;
    }
  }
  return best;
}

std::optional<Gid> GidOf(const std::string& address) {
  Gid gid = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (inet_pton(AF_INET, address.c_str(), &gid[12]) == 1 ||
      inet_pton(AF_INET6, address.c_str(), gid.data()) == 1) {
    return gid;
  }
  return std::nullopt;
}

std::string AddressOf(const Gid& gid) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  const bool ipv4 = IsIpv4(gid);
  inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? &gid[12] : gid.data(), text.data(), text.size());
  return text.data();
}

absl::Status CheckPort(const std::string& device, int port, const ibv_port_attr& attributes) {
  if (attributes.state != IBV_PORT_ACTIVE) {
    return absl::FailedPreconditionError(absl::StrCat(
        "port ", port, " of RDMA device ", device, " is ", PortStateName(attributes.state),
        attributes.link_layer == IBV_LINK_LAYER_ETHERNET
            ? ": bring its network interface up (ip link set INTERFACE up), and see whether the cable is in"
            : ": see whether the cable is in and a subnet manager runs"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LibverbsDevice>> LibverbsDevice::Open(const std::string& name, int port,
                                                                     const std::string& address) {
  DeviceList list;
  const std::vector<ibv_device*> devices = Devices(list);
  if (devices.empty()) {
    return absl::NotFoundError(absl::StrCat("this host has no RDMA device: ", kHowToGetOne));
  }
  std::vector<std::string> names;
  ibv_device* chosen = nullptr;
  for (ibv_device* device : devices) {
    names.emplace_back(ibv_get_device_name(device));
    if (names.back() == name || (name.empty() && devices.size() == 1)) {
      chosen = device;
    }
  }
  if (chosen == nullptr && name.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("this host has several RDMA devices, name one: ", absl::StrJoin(names, ", ")));
  }
  if (chosen == nullptr) {
    return absl::NotFoundError(absl::StrCat("this host has no RDMA device called \"", name, "\"; there is ",
                                            absl::StrJoin(names, ", ")));
  }
  std::unique_ptr<LibverbsDevice> device(new LibverbsDevice);
  device->facts_ = FactsOf(*chosen);
  device->context_ = ibv_open_device(chosen);
  if (device->context_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("RDMA device ", device->facts_.name,
                                               " cannot be opened: ", std::generic_category().message(errno),
                                               "; is /dev/infiniband there, and may this user use it?"));
  }
  if (const int flags = fcntl(device->context_->async_fd, F_GETFL);
      flags < 0 || fcntl(device->context_->async_fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return absl::UnavailableError(
        absl::StrCat("RDMA device ", device->facts_.name,
                     " cannot be asked for events: ", std::generic_category().message(errno)));
  }
  if (absl::Status status = device->Learn(port, address); !status.ok()) {
    return status;
  }
  device->domain_ = ibv_alloc_pd(device->context_);
  if (device->domain_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("RDMA device ", device->facts_.name,
                     " has no protection domain left: ", std::generic_category().message(errno)));
  }
  return device;
}

absl::StatusOr<GidEntry> FindGid(const std::string& port, std::span<const GidEntry> entries,
                                 const std::string& address) {
  const std::optional<GidEntry> chosen = ChooseGid(entries);
  if (!chosen.has_value()) {
    return absl::FailedPreconditionError(absl::StrCat(
        port,
        " has no RoCEv2 address: give its network interface an IP address (ip address add ...), and see "
        "that RoCEv2 is enabled"));
  }
  if (address.empty()) {
    return *chosen;
  }
  const std::optional<Gid> wanted = GidOf(address);
  if (!wanted.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address, "\" is no address in numbers, such as 10.0.0.1 or fd00::1"));
  }
  std::vector<std::string> there;
  for (const GidEntry& entry : entries) {
    if (entry.roce_v2 && entry.gid == *wanted) {
      return entry;
    }
    if (entry.roce_v2) {
      there.push_back(AddressOf(entry.gid));
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat(port, " has no RoCEv2 address ", address, "; it has ", absl::StrJoin(there, ", ")));
}

absl::Status LibverbsDevice::Learn(int port, const std::string& address) {
  ibv_device_attr device = {};
  if (const int error = ibv_query_device(context_, &device); error != 0) {
    return absl::UnavailableError(absl::StrCat(
        "RDMA device ", facts_.name, " says nothing of itself: ", std::generic_category().message(error)));
  }
  if (port < 1 || port > device.phys_port_cnt) {
    return absl::InvalidArgumentError(absl::StrCat("RDMA device ", facts_.name, " has no port ", port,
                                                   "; its ports are 1 to ", int{device.phys_port_cnt}));
  }
  ibv_port_attr attributes = {};
  if (const int error = ibv_query_port(context_, static_cast<std::uint8_t>(port), &attributes); error != 0) {
    return absl::UnavailableError(absl::StrCat("RDMA device ", facts_.name, " says nothing of its port ",
                                               port, ": ", std::generic_category().message(error)));
  }
  if (absl::Status status = CheckPort(facts_.name, port, attributes); !status.ok()) {
    return status;
  }
  facts_.port = static_cast<std::uint8_t>(port);
  facts_.address.lid = attributes.lid;
  facts_.address.link_layer = attributes.link_layer;
  facts_.address.mtu = static_cast<std::uint8_t>(attributes.active_mtu);
  facts_.max_message_bytes = attributes.max_msg_sz;
  facts_.max_queue_pair_depth = device.max_qp_wr;
  facts_.max_completions = device.max_cqe;
  facts_.max_reads_as_requester = device.max_qp_init_rd_atom;
  facts_.max_reads_as_responder = device.max_qp_rd_atom;
  facts_.atomics = device.atomic_cap != IBV_ATOMIC_NONE;
  facts_.memory_windows =
      (device.device_cap_flags & (IBV_DEVICE_MEM_WINDOW_TYPE_2A | IBV_DEVICE_MEM_WINDOW_TYPE_2B)) != 0;
  // Those that are in use, in one call: tables have a thousand places.
  std::vector<ibv_gid_entry> table(static_cast<std::size_t>(std::max(attributes.gid_tbl_len, 1)) *
                                   device.phys_port_cnt);
  const ssize_t found = ibv_query_gid_table(context_, table.data(), table.size(), 0);
  std::vector<GidEntry> entries;
  for (ssize_t i = 0; i < found; ++i) {
    const ibv_gid_entry& at = table[static_cast<std::size_t>(i)];
    if (at.port_num == static_cast<std::uint32_t>(port)) {
      GidEntry& entry = entries.emplace_back(
          GidEntry{.index = at.gid_index, .roce_v2 = at.gid_type == IBV_GID_TYPE_ROCE_V2, .gid = {}});
      std::memcpy(entry.gid.data(), at.gid.raw, entry.gid.size());
    }
  }
  if (attributes.link_layer == IBV_LINK_LAYER_ETHERNET && !facts_.iwarp) {
    const absl::StatusOr<GidEntry> used =
        FindGid(absl::StrCat("port ", port, " of RDMA device ", facts_.name), entries, address);
    if (!used.ok()) {
      return used.status();
    }
    facts_.gid_index = static_cast<std::uint8_t>(used->index);
    facts_.address.gid = used->gid;
    return absl::OkStatus();
  }
  if (!address.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("port ", port, " of RDMA device ", facts_.name,
                                                      " is not on Ethernet and has no RoCEv2 address: leave ",
                                                      address, " out"));
  }
  if (!entries.empty()) {
    facts_.address.gid = entries.front().gid;
  }
  return absl::OkStatus();
}

LibverbsDevice::~LibverbsDevice() {
  // What cannot be given back ends with the process.
  if (domain_ != nullptr) {
    (void)ibv_dealloc_pd(domain_);
  }
  if (context_ != nullptr) {
    (void)ibv_close_device(context_);
  }
}

ibv_mr* LibverbsDevice::RegisterMemory(void* at, std::size_t bytes, int access) {
  return ibv_reg_mr(domain_, at, bytes, access);
}

int LibverbsDevice::DeregisterMemory(ibv_mr* region) {
  return ibv_dereg_mr(region);
}

ibv_cq* LibverbsDevice::CreateCompletionQueue(int depth) {
  return ibv_create_cq(context_, depth, nullptr, nullptr, 0);
}

std::optional<DeviceEvent> LibverbsDevice::NextEvent() {
  ibv_async_event event = {};
  if (ibv_get_async_event(context_, &event) != 0) {
    return std::nullopt;
  }
  // What it is of is not looked at: it may be gone by the time that somebody does.
  const EventVerdict verdict = JudgeEvent(event.event_type);
  const bool of_port = verdict == EventVerdict::kPortDown || verdict == EventVerdict::kPortUp ||
                       verdict == EventVerdict::kChanged;
  const DeviceEvent told{.type = event.event_type,
                         .port = static_cast<std::uint8_t>(of_port ? event.element.port_num : 0)};
  ibv_ack_async_event(&event);
  return told;
}

int LibverbsDevice::DestroyCompletionQueue(ibv_cq* queue) {
  return ibv_destroy_cq(queue);
}

ibv_qp* LibverbsDevice::CreateQueuePair(ibv_qp_init_attr& attributes) {
  return ibv_create_qp(domain_, &attributes);
}

int LibverbsDevice::ModifyQueuePair(ibv_qp* pair, ibv_qp_attr& attributes, int mask) {
  return ibv_modify_qp(pair, &attributes, mask);
}

int LibverbsDevice::DestroyQueuePair(ibv_qp* pair) {
  return ibv_destroy_qp(pair);
}

}  // namespace gaios::transport::verbs
