#include "tests/sim/profile.h"

#include <initializer_list>
#include <utility>
#include <vector>

namespace gaios::sim {
namespace {

std::array<std::uint32_t, kDeeds> Weights(std::initializer_list<std::pair<Deed, std::uint32_t>> weights) {
  std::array<std::uint32_t, kDeeds> array = {};
  for (const auto& [deed, weight] : weights) {
    array[static_cast<std::size_t>(deed)] = weight;
  }
  return array;
}

std::vector<Profile> Make() {
  std::vector<Profile> profiles;

  Profile all;
  all.name = "default";
  all.description = "everything that can go wrong, mixed anew for each seed";
  all.weights = Weights({{Deed::kCrash, 3},
                         {Deed::kCrashHostAlive, 3},
                         {Deed::kPause, 6},
                         {Deed::kPauseBeforeWrite, 5},
                         {Deed::kZombie, 3},
                         {Deed::kPartition, 3},
                         {Deed::kPartitionOneWay, 3},
                         {Deed::kPartitionLeader, 2},
                         {Deed::kHoldMessages, 4},
                         {Deed::kHoldWrites, 6},
                         {Deed::kSlowLink, 4},
                         {Deed::kBreakPath, 6},
                         {Deed::kFlap, 5},
                         {Deed::kSlowReplica, 4},
                         {Deed::kLeaveBehind, 1},
                         {Deed::kHandOver, 3},
                         {Deed::kBurst, 5},
                         {Deed::kCutClient, 4}});
  all.swarm = true;
  profiles.push_back(all);

  Profile calm;
  calm.name = "calm";
  calm.description = "a good network and bursts of load; one leader that stands still";
  calm.weights = Weights({{Deed::kBurst, 1}});
  calm.lossy_messages = calm.torn_writes = calm.odd_completions = Share::kNone;
  calm.slow_fences = calm.clock_rates = calm.lossy_clients = Share::kNone;
  profiles.push_back(calm);

  Profile partitions;
  partitions.name = "partitions";
  partitions.description = "groups cut in two, in one direction or both, leaders cut off, links that flap";
  partitions.weights = Weights({{Deed::kPartition, 4},
                                {Deed::kPartitionOneWay, 4},
                                {Deed::kPartitionLeader, 4},
                                {Deed::kFlap, 3},
                                {Deed::kHoldMessages, 2}});
  partitions.lossy_messages = Share::kMuch;
  profiles.push_back(partitions);

  Profile pauses;
  pauses.name = "pauses";
  pauses.description = "processes that stand still at any point, leaders between check and write, zombies";
  pauses.weights = Weights({{Deed::kPause, 4},
                            {Deed::kPauseBeforeWrite, 6},
                            {Deed::kZombie, 4},
                            {Deed::kSlowReplica, 3},
                            {Deed::kHoldWrites, 2}});
  pauses.clock_rates = Share::kMuch;
  profiles.push_back(pauses);

  Profile crashes;
  crashes.name = "crashes";
  crashes.description =
      "processes that die, at once or with their memory left behind, and come back forgetful";
  crashes.weights = Weights({{Deed::kCrash, 6},
                             {Deed::kCrashHostAlive, 6},
                             {Deed::kPause, 2},
                             {Deed::kHoldWrites, 2},
                             {Deed::kFlap, 2}});
  profiles.push_back(crashes);

  Profile replaced;
  replaced.name = "replaced";
  replaced.description =
      "every member is lost, filled and readmitted again and again, and the leadership handed over";
  replaced.weights = Weights({{Deed::kCrash, 8},
                              {Deed::kCrashHostAlive, 4},
                              {Deed::kHandOver, 6},
                              {Deed::kPause, 2},
                              {Deed::kHoldWrites, 2},
                              {Deed::kHoldMessages, 2},
                              {Deed::kPartition, 1},
                              {Deed::kLeaveBehind, 1}});
  profiles.push_back(replaced);

  Profile membership;
  membership.name = "membership";
  membership.description =
      "voters and learners are added, removed and moved, the leader too, while all else goes wrong";
  membership.weights = Weights({{Deed::kChangeMembership, 30},
                                {Deed::kCrash, 5},
                                {Deed::kCrashHostAlive, 3},
                                {Deed::kPause, 4},
                                {Deed::kPauseBeforeWrite, 3},
                                {Deed::kZombie, 2},
                                {Deed::kPartition, 3},
                                {Deed::kPartitionOneWay, 2},
                                {Deed::kPartitionLeader, 3},
                                {Deed::kHoldMessages, 4},
                                {Deed::kHoldWrites, 6},
                                {Deed::kBreakPath, 3},
                                {Deed::kFlap, 2},
                                {Deed::kSlowReplica, 2},
                                {Deed::kLeaveBehind, 1},
                                {Deed::kHandOver, 4},
                                {Deed::kBurst, 2},
                                {Deed::kSlowLink, 2},
                                {Deed::kCutClient, 2},
                                {Deed::kDrain, 3}});
  membership.spares = true;
  membership.commits = 1500;
  profiles.push_back(membership);

  Profile preferences;
  preferences.name = "preferences";
  preferences.description =
      "replicas of several priorities, drained and let in again, while they die and stand still";
  preferences.weights = Weights({{Deed::kDrain, 12},
                                 {Deed::kCrash, 4},
                                 {Deed::kCrashHostAlive, 2},
                                 {Deed::kPause, 4},
                                 {Deed::kPauseBeforeWrite, 2},
                                 {Deed::kZombie, 2},
                                 {Deed::kPartition, 2},
                                 {Deed::kPartitionLeader, 2},
                                 {Deed::kHoldMessages, 3},
                                 {Deed::kHoldWrites, 2},
                                 {Deed::kFlap, 2},
                                 {Deed::kSlowReplica, 2},
                                 {Deed::kHandOver, 4},
                                 {Deed::kBurst, 2}});
  preferences.preferences = true;
  profiles.push_back(preferences);

  Profile paths;
  paths.name = "paths";
  paths.description =
      "links of two paths over one log, of which one is cut, slow or held up, and its writes land later";
  paths.weights = Weights({{Deed::kHoldWrites, 10},
                           {Deed::kBreakPath, 5},
                           {Deed::kFlap, 6},
                           {Deed::kPartition, 4},
                           {Deed::kPartitionOneWay, 4},
                           {Deed::kPartitionLeader, 3},
                           {Deed::kSlowLink, 3},
                           {Deed::kHoldMessages, 3},
                           {Deed::kPause, 2},
                           {Deed::kPauseBeforeWrite, 3},
                           {Deed::kZombie, 2},
                           {Deed::kCrash, 3},
                           {Deed::kCrashHostAlive, 2},
                           {Deed::kHandOver, 2},
                           {Deed::kBurst, 3}});
  paths.odd_completions = Share::kMuch;
  paths.two_paths = true;
  profiles.push_back(paths);

  Profile snapshots;
  snapshots.name = "snapshots";
  snapshots.description =
      "replicas that the ring passes by are sent snapshots, and the leader is replaced while one is on its "
      "way";
  snapshots.weights = Weights({{Deed::kReplaceMidSnapshot, 12},
                               {Deed::kCrash, 3},
                               {Deed::kCrashHostAlive, 2},
                               {Deed::kPause, 2},
                               {Deed::kPauseBeforeWrite, 2},
                               {Deed::kHoldWrites, 3},
                               {Deed::kHoldMessages, 2},
                               {Deed::kPartition, 1},
                               {Deed::kFlap, 1},
                               {Deed::kBurst, 3}});
  snapshots.tiny_ring = true;
  snapshots.slow_snapshots = true;
  snapshots.commits = 4000;
  profiles.push_back(snapshots);

  Profile torn;
  torn.name = "torn";
  torn.description =
      "writes torn at any byte, out of order, late, lost, stray, complete before they are seen";
  torn.weights = Weights({{Deed::kHoldWrites, 6},
                          {Deed::kBreakPath, 6},
                          {Deed::kPauseBeforeWrite, 4},
                          {Deed::kFlap, 3},
                          {Deed::kZombie, 2},
                          {Deed::kSlowLink, 2}});
  torn.torn_writes = torn.odd_completions = torn.slow_fences = Share::kMuch;
  profiles.push_back(torn);

  Profile tiny;
  tiny.name = "tiny-ring";
  tiny.description = "the smallest ring, large commands, slow and dead followers: it wraps hundreds of times";
  tiny.weights = Weights({{Deed::kSlowReplica, 4},
                          {Deed::kLeaveBehind, 2},
                          {Deed::kPause, 3},
                          {Deed::kHoldWrites, 3},
                          {Deed::kBreakPath, 3},
                          {Deed::kBurst, 3},
                          {Deed::kZombie, 1},
                          {Deed::kCrash, 1}});
  tiny.tiny_ring = true;
  tiny.commits = 4000;
  profiles.push_back(tiny);

  Profile clients;
  clients.name = "clients";
  clients.description =
      "clients whose letters are lost, doubled and late, bursts of load, leaders that come and go";
  clients.weights = Weights({{Deed::kCutClient, 6},
                             {Deed::kBurst, 4},
                             {Deed::kPartitionLeader, 2},
                             {Deed::kZombie, 2},
                             {Deed::kFlap, 1}});
  clients.lossy_clients = Share::kMuch;
  profiles.push_back(clients);
  return profiles;
}

}  // namespace

std::span<const Profile> Profiles() {
  static const std::vector<Profile> profiles = Make();
  return profiles;
}

const Profile* FindProfile(std::string_view name) {
  for (const Profile& profile : Profiles()) {
    if (profile.name == name) {
      return &profile;
    }
  }
  return nullptr;
}

}  // namespace gaios::sim
