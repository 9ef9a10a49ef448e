#ifndef GAIOS_TESTS_TRANSPORT_VERBS_FAKE_NETWORK_H_
#define GAIOS_TESTS_TRANSPORT_VERBS_FAKE_NETWORK_H_

// Devices of one process, connected to each other, behind the seam of the verbs transport: for what no device
// does when it is asked to. It keeps the rules that the transport rests on (keys, rights, states, order,
// packet numbers, unsignalled work that tells of itself only when it fails) and fails where a test wants it
// to. It proves nothing of RDMA: the same suite runs on a device in the lab.
//
// Work is executed when somebody polls. Safe on any thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "gaios/transport/verbs/device.h"

namespace gaios::transport::verbs {

class FakeDevice;

class FakeNetwork {
 public:
  FakeNetwork();
  ~FakeNetwork();
  [[nodiscard]] std::unique_ptr<FakeDevice> MakeDevice();

  // Executes all there is, but what is held.
  void Run();
  // From now on nothing passes between devices, or everything again. Peers meet all the same: that goes
  // another way.
  void Cut(bool cut);

 private:
  friend class FakeDevice;
  struct Region;
  struct Pair;
  struct Queue;
  struct Work;

  void RunLocked();
  void Execute(Pair& pair);
  ibv_wc_status Perform(Pair& pair, const Work& work);
  ibv_wc_status Reach(const Work& work, Pair& other);
  bool Owns(const FakeDevice* device, std::uint32_t key, std::uint64_t at, std::size_t bytes,
            int access) const;
  void Finish(Pair& pair, const Work& work, ibv_wc_status status);
  static void Complete(Queue& queue, const ibv_wc& completion);
  void Break(Pair& pair);
  void CopyTaken(bool all);

  std::mutex mutex_;
  bool cut_ = false;
  std::map<std::uint32_t, std::unique_ptr<Pair>> pairs_;      // by number
  std::map<std::uint32_t, std::unique_ptr<Region>> regions_;  // by key
  std::vector<std::unique_ptr<Queue>> queues_;
  std::uint32_t last_number_ = 100;
  std::uint32_t last_key_ = 1000;
  // Bytes that a responder has taken and not put into memory yet.
  struct Taken {
    const FakeDevice* device = nullptr;
    std::byte* at = nullptr;
    std::vector<std::byte> bytes;
  };
  std::vector<Taken> taken_;
};

class FakeDevice final : public RdmaDevice {
 public:
  ~FakeDevice() override;

  // ---- what a test may set
  DeviceFacts mutable_facts;
  // Its work requests wait, and are executed when this ends.
  bool hold = false;
  // Writes that arrive are checked, acknowledged, and put into memory when this ends, whatever becomes of
  // their queue pair; only giving up a registration waits for them. So Soft-RoCE was seen to do.
  bool puts_late = false;
  // The next work request of that opcode completes so, without effect.
  std::optional<ibv_wr_opcode> fail_opcode;
  ibv_wc_status fail_status = IBV_WC_SUCCESS;
  // Completions cannot be had. All else goes on: its queue pairs take what comes.
  bool completions_lost = false;
  // It has been pulled out: nothing can be asked of it, and what it had made has gone with it. So an attempt
  // to destroy that finds nothing left to destroy.
  bool gone = false;
  // The same with a system that refuses that too, so that nobody knows what became of it.
  bool refuses_all = false;
  // Its driver answers that what it is told to end has ended, and the device was not even asked: all of it
  // goes on. So mlx5_core does of an adapter that it cannot talk to any more.
  bool lies = false;
  // It is being taken away: queue pairs have gone, and who would destroy one is told so, by EIO. Completions
  // can still be had.
  bool taken_away = false;
  // What it tells of by itself, the first first.
  std::deque<DeviceEvent> events;
  // Called once, when completions are looked for next.
  std::function<void()> before_completions;
  // Called each time that a queue pair is about to be destroyed.
  std::function<void()> before_destroy_pair;
  // So many of the next calls fail, with ENOMEM.
  int fail_create_pair = 0;
  int fail_allow = 0;  // to let the other end of a connected queue pair do something
  int fail_destroy_pair = 0;
  int fail_register = 0;
  int fail_deregister = 0;
  int fail_post_send = 0;

  // ---- what a test may ask
  [[nodiscard]] std::size_t pairs() const;
  [[nodiscard]] std::size_t regions() const;
  // Of queue pairs, those by whose other end something may be written here.
  [[nodiscard]] std::size_t writable_pairs() const;
  // Of registrations, those that let others in.
  [[nodiscard]] std::size_t remote_regions() const;
  std::vector<ibv_qp_attr> orders;  // to queue pairs, all that were given
  std::uint64_t signalled = 0;      // work requests that asked for a completion, of those posted
  std::uint64_t posted = 0;
  std::uint64_t inlined = 0;

  [[nodiscard]] const DeviceFacts& facts() const override { return mutable_facts; }
  ibv_mr* RegisterMemory(void* at, std::size_t bytes, int access) override;
  [[nodiscard]] int DeregisterMemory(ibv_mr* region) override;
  ibv_cq* CreateCompletionQueue(int depth) override;
  [[nodiscard]] int DestroyCompletionQueue(ibv_cq* queue) override;
  ibv_qp* CreateQueuePair(ibv_qp_init_attr& attributes) override;
  [[nodiscard]] int ModifyQueuePair(ibv_qp* pair, ibv_qp_attr& attributes, int mask) override;
  [[nodiscard]] int DestroyQueuePair(ibv_qp* pair) override;
  std::optional<DeviceEvent> NextEvent() override;
  [[nodiscard]] int PostSend(ibv_qp* pair, ibv_send_wr* first, ibv_send_wr** bad) override;
  [[nodiscard]] int PostReceive(ibv_qp* pair, ibv_recv_wr* first, ibv_recv_wr** bad) override;
  [[nodiscard]] int PollCompletions(ibv_cq* queue, int most, ibv_wc* completions) override;

 private:
  friend class FakeNetwork;
  explicit FakeDevice(FakeNetwork& network);
  [[nodiscard]] bool out() const { return gone || refuses_all; }
  // Of what it has made something may be left when it is given back.
  [[nodiscard]] bool leaves() const { return refuses_all || lies || taken_away; }
  FakeNetwork& network_;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TESTS_TRANSPORT_VERBS_FAKE_NETWORK_H_
