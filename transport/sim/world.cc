#include "gaios/transport/sim/world.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "gaios/base/check.h"
#include "gaios/transport/sim/endpoint.h"

namespace gaios::transport::sim {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kPieceBytes = 8;
constexpr std::size_t kMaxPieces = 12;
constexpr std::size_t kAlignment = 64;

}  // namespace

void WorldCounters::Add(const WorldCounters& other) {
  messages_dropped += other.messages_dropped;
  messages_duplicated += other.messages_duplicated;
  messages_overtaken += other.messages_overtaken;
  messages_held += other.messages_held;
  writes_torn += other.writes_torn;
  writes_out_of_order += other.writes_out_of_order;
  writes_held += other.writes_held;
  writes_fenced += other.writes_fenced;
  writes_lost += other.writes_lost;
  writes_stray += other.writes_stray;
  strays_fenced += other.strays_fenced;
  writes_at_once += other.writes_at_once;
  writes_to_all += other.writes_to_all;
  completed_late += other.completed_late;
  completed_early += other.completed_early;
  slow_fences += other.slow_fences;
  paths_broken += other.paths_broken;
}

World::World(const WorldOptions& options, World* memory_of)
    : options_(options),
      memory_of_(memory_of),
      nodes_(options.replicas),
      links_(options.replicas * options.replicas),
      random_(options.seed) {
  GAIOS_CHECK(options.min_delay_ns <= options.max_delay_ns, "delays the wrong way round");
  if (memory_of != nullptr) {
    GAIOS_CHECK(!options.move_log && !memory_of->options_.move_log,
                "a log that two ways lead to stays where it is");
    GAIOS_CHECK(options.capacity_bytes == memory_of->options_.capacity_bytes &&
                    options.replicas == memory_of->options_.replicas && memory_of->other_way_ == nullptr,
                "another way leads to the same logs");
    memory_of->other_way_ = this;
  }
  for (std::size_t i = 0; i < options.replicas; ++i) {
    Start(ReplicaId(static_cast<std::uint8_t>(i)));
  }
  UpdateLinks();
}

World::~World() = default;

Transport& World::transport(ReplicaId id) {
  return *node(id).endpoint;
}
bool World::alive(ReplicaId id) const {
  return node(id).alive;
}
Incarnation World::incarnation(ReplicaId id) const {
  return node(id).incarnation;
}

World::Memory World::Allocate() const {
  Memory memory;
  memory.storage.resize(options_.capacity_bytes + kAlignment);
  const auto address = reinterpret_cast<std::uintptr_t>(memory.storage.data());
  memory.base = memory.storage.data() + ((kAlignment - address % kAlignment) % kAlignment);
  return memory;
}

std::uint64_t World::Random(std::uint64_t bound) {
  random_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  return bound == 0 ? 0 : z % bound;
}

std::uint64_t World::Delay(const Link& on) {
  const std::uint64_t extra_ns = on.extra_delay_ns == 0 ? 0 : Random(on.extra_delay_ns + 1);
  return options_.min_delay_ns + Random(options_.max_delay_ns - options_.min_delay_ns + 1) + extra_ns;
}

void World::Tell(ReplicaId id, Event event) {
  node(id).inbox.push_back(std::move(event));
  Touch(id);
}

void World::Start(ReplicaId id) {
  Node& started = node(id);
  const Incarnation next(started.incarnation.value() + 1);
  started = Node();
  started.alive = true;
  started.incarnation = next;
  started.control.incarnation = next;
  if (memory_of_ == nullptr) {
    started.log = Allocate();
    started.spare = Allocate();
  } else {
    started.log.base = memory_of_->node(id).log.base;
  }
  started.endpoint = std::make_unique<Endpoint>(*this, id);
  Touch(id);
}

void World::Kill(ReplicaId id) {
  node(id).alive = false;
  node(id).inbox.clear();
  UpdateLinks();
}

void World::Restart(ReplicaId id) {
  GAIOS_CHECK(!node(id).alive, "only a dead replica can be restarted");
  Start(id);
  UpdateLinks();
}

void World::Cut(ReplicaId from, ReplicaId to) {
  link(from, to).cut = true;
  UpdateLinks();
}

void World::Heal(ReplicaId from, ReplicaId to) {
  link(from, to).cut = false;
  UpdateLinks();
}

void World::UpdateLinks() {
  for (std::size_t a = 0; a < options_.replicas; ++a) {
    for (std::size_t b = 0; b < options_.replicas; ++b) {
      const ReplicaId from(static_cast<std::uint8_t>(a));
      const ReplicaId to(static_cast<std::uint8_t>(b));
      if (a == b) {
        continue;
      }
      Link& there = link(from, to);
      const bool up = node(from).alive && node(to).alive && !(there.cut && link(to, from).cut);
      if (up == there.up) {
        continue;
      }
      there.up = up;
      Event event;
      event.peer = to;
      if (up) {
        event.kind = Event::Kind::kLinkUp;
        event.incarnation = node(to).incarnation;
      } else {
        event.kind = Event::Kind::kLinkDown;
        there.has_path = false;
        FailPath(from, to, Outcome::kDown);
      }
      if (node(from).alive) {
        Tell(from, event);
      }
    }
  }
}

void World::Calm() {
  options_.drop_per_mille = 0;
  options_.duplicate_per_mille = 0;
  options_.late_completion_per_mille = 0;
  options_.early_completion_per_mille = 0;
  options_.stray_per_mille = 0;
  options_.torn_writes = false;
  options_.max_fence_ns = 0;
}

void World::BreakPath(ReplicaId from, ReplicaId to) {
  Link& there = link(from, to);
  if (there.has_path) {
    ++counters_.paths_broken;
    there.has_path = false;
    FailPath(from, to, Outcome::kDown);
  }
}

Traffic World::TrafficOf(Operation::Kind kind) {
  switch (kind) {
    case Operation::Kind::kWrite:
      return Traffic::kWrites;
    case Operation::Kind::kWord:
      return Traffic::kWords;
    case Operation::Kind::kRead:
      return Traffic::kReads;
    case Operation::Kind::kControl:
      return Traffic::kControl;
    case Operation::Kind::kMessage:
      return Traffic::kMessages;
    case Operation::Kind::kFence:
      return Traffic::kFences;
  }
  return Traffic::kMessages;
}

void World::Schedule(const Due& due) {
  Due scheduled = due;
  scheduled.order = ++order_;
  due_.push(scheduled);
}

void World::Post(const OperationPtr& operation) {
  operation->poster = node(operation->from).incarnation;
  Link& there = link(operation->from, operation->to);
  if (operation->kind != Operation::Kind::kControl && operation->kind != Operation::Kind::kMessage) {
    there.posted.push_back(operation);
  }
  if (operation->kind == Operation::Kind::kMessage) {
    operation->number = ++there.messages;
    if (Random(1000) < options_.drop_per_mille) {
      ++counters_.messages_dropped;
      return;
    }
  }
  std::uint64_t last = now_ns_ + Delay(there);
  if (operation->kind == Operation::Kind::kControl) {
    last = std::max(last, there.last_control_ns);
    there.last_control_ns = last;
    Schedule({now_ns_ + Random(last - now_ns_ + 1), 0, operation, {}, false});
  }
  if (operation->kind != Operation::Kind::kWrite && operation->kind != Operation::Kind::kRead) {
    Schedule({last, 0, operation, {}, true});
    return;
  }
  const bool write = operation->kind == Operation::Kind::kWrite;
  operation->pieces = {operation->range};
  if (options_.torn_writes) {
    CutUp(operation->pieces, write ? options_.tear_bytes : kPieceBytes);
  }
  operation->early = write && Chance(options_.early_completion_per_mille);
  for (const Range& piece : operation->pieces) {
    const std::uint64_t at = options_.torn_writes ? now_ns_ + Delay(there) : last;
    const std::uint64_t lag_ns = operation->early ? Random(options_.max_lag_ns + 1) : 0;
    Schedule({at + lag_ns, 0, operation, piece, false});
    last = std::max(last, at);
  }
  last += options_.torn_writes ? Random(options_.max_delay_ns) : 0;
  if (write && !operation->early && Chance(options_.late_completion_per_mille)) {
    ++counters_.completed_late;
    last += Random(options_.max_lag_ns + 1);
  }
  Schedule({last, 0, operation, {}, true});
}

// Whether the write is done. It lands now, or later as one that completes early does.
bool World::WriteAtOnce(const OperationPtr& operation) {
  const Link& there = link(operation->from, operation->to);
  if (!there.up || !there.has_path || there.path != operation->grant || !there.posted.empty() ||
      there.holding.contains(Traffic::kWrites) || Check(*operation) != Outcome::kDone) {
    return false;
  }
  operation->poster = node(operation->from).incarnation;
  operation->pieces = {operation->range};
  const bool in_part = Chance(options_.in_part_per_mille);
  if (in_part || options_.torn_writes) {
    CutUp(operation->pieces, options_.tear_bytes);
  }
  const std::vector<Range> pieces = operation->pieces;
  if (in_part) {
    LandWrite(*operation, pieces.front());
    return false;
  }
  ++counters_.writes_at_once;
  if (Chance(options_.early_completion_per_mille)) {
    ++counters_.completed_early;
    operation->early = true;
    operation->settled = true;
    Node& target = node(operation->to);
    std::erase_if(target.settled, [](const OperationPtr& other) { return other->pieces.empty(); });
    target.settled.push_back(operation);
    for (const Range& piece : pieces) {
      Schedule({now_ns_ + Random(options_.max_lag_ns + 1), 0, operation, piece, false});
    }
    return true;
  }
  for (const Range& piece : pieces) {
    LandWrite(*operation, piece);
  }
  return true;
}

// At multiples of `unit_bytes`, at random places.
void World::CutUp(std::vector<Range>& pieces, std::uint64_t unit_bytes) {
  for (std::size_t cuts = Random(kMaxPieces); cuts > 0; --cuts) {
    const std::size_t which = Random(pieces.size());
    const Range whole = pieces[which];
    if (whole.size() >= 2 * unit_bytes) {
      const Position middle = whole.from + (1 + Random(whole.size() / unit_bytes - 1)) * unit_bytes;
      pieces[which] = {whole.from, middle};
      pieces.push_back({middle, whole.to});
    }
  }
}

std::uint64_t World::NextEventNs() const {
  return due_.empty() ? kNever : due_.top().at_ns;
}

void World::AdvanceTo(std::uint64_t now_ns) {
  GAIOS_CHECK(now_ns >= now_ns_, "time does not go back");
  while (!due_.empty() && due_.top().at_ns <= now_ns) {
    const Due due = due_.top();
    due_.pop();
    now_ns_ = std::max(now_ns_, due.at_ns);
    Link& there = link(due.operation->from, due.operation->to);
    if (there.holding.contains(TrafficOf(due.operation->kind)) && !due.operation->abandoned) {
      counters_.writes_held += due.operation->kind == Operation::Kind::kWrite ? 1U : 0U;
      counters_.messages_held += due.operation->kind == Operation::Kind::kMessage ? 1U : 0U;
      there.held.push_back(due);
      continue;
    }
    Happen(due);
  }
  now_ns_ = now_ns;
}

void World::Hold(Traffic traffic, ReplicaId from, ReplicaId to) {
  link(from, to).holding.insert(traffic);
}

void World::Release(Traffic traffic, ReplicaId from, ReplicaId to) {
  Link& there = link(from, to);
  there.holding.erase(traffic);
  std::vector<Due> held;
  held.swap(there.held);
  for (const Due& due : held) {
    if (TrafficOf(due.operation->kind) == traffic) {
      Schedule({now_ns_, 0, due.operation, due.piece, due.finish});
    } else {
      there.held.push_back(due);
    }
  }
}

void World::DropHeld(Traffic traffic, ReplicaId from, ReplicaId to) {
  Link& there = link(from, to);
  std::erase_if(there.held, [traffic](const Due& due) { return TrafficOf(due.operation->kind) == traffic; });
}

void World::LandPart(ReplicaId from, ReplicaId to, std::uint64_t bytes, bool first) {
  for (const Due& due : link(from, to).held) {
    if (due.operation->kind == Operation::Kind::kWrite && !due.finish) {
      GAIOS_CHECK(bytes <= due.piece.size(), "less is held than is to land");
      const Position middle = due.piece.from + bytes;
      LandWrite(*due.operation, first ? Range{due.piece.from, middle} : Range{middle, due.piece.to});
      return;
    }
  }
  GAIOS_CHECK(false, "no write is held there");
}

}  // namespace gaios::transport::sim
