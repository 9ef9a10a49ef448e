#include "gaios/rsm/client/wire.h"

#include "tests/fuzz/seeds/corpus.h"

namespace gaios::fuzz {
namespace {

// As in client_requests.cc: turns, and deeds of one of the clients; the first deed of each brings it up.
Says Turns(std::uint8_t count) {
  return Says{0, 0, count};
}
Says ClientDeed(std::uint8_t client, std::initializer_list<std::uint8_t> deed) {
  return Says{6, client}.Then(Says(deed));
}
Says Request(std::uint8_t client, std::uint16_t request, std::uint8_t kind, std::uint32_t session,
             std::uint16_t sequence, std::uint8_t bytes) {
  Says says = ClientDeed(client, {6});
  says.Value(request).Then(Says{kind}).Value(session).Value(sequence).Then(Says{bytes});
  for (std::uint8_t i = 0; i < bytes; ++i) {
    says.Then(Says{static_cast<std::uint8_t>(3 + i)});
  }
  return says;
}
// Connects, greets, and maps the memory that comes with the welcome.
Says Welcomed(std::uint8_t client) {
  return Says{6, client}
      .Then(Says{3, 0, 5})
      .Then(ClientDeed(client, {1}))
      .Then(Says{3, 0, 15})
      .Then(ClientDeed(client, {2}));
}

void WriteRequests(const Corpus& corpus) {
  const std::string target = "client_requests";
  corpus.Add(target, "welcomed", Welcomed(0));
  corpus.Add(target, "opens-a-session", Welcomed(0).Then(Request(0, 1, 1, 0, 0, 0)).Then(Turns(9)));
  corpus.Add(target, "commands",
             Welcomed(0)
                 .Then(Request(0, 1, 1, 0, 0, 0))
                 .Then(Turns(9))
                 .Then(Request(0, 2, 2, 2 << 16, 1, 8))
                 .Then(Request(0, 3, 2, 2 << 16, 2, 40))
                 .Then(Turns(9))
                 .Then(Request(0, 3, 2, 2 << 16, 2, 40))
                 .Then(ClientDeed(0, {5}))
                 .Then(Turns(9)));
  corpus.Add(target, "in-ours-session",
             Welcomed(1).Then(Request(1, 1, 2, 1 << 16, 1, 3)).Then(Turns(9)).Then(Says{4, 0, 9}));
  corpus.Add(target, "unknown-kind", Welcomed(0).Then(Request(0, 1, 3, 1, 1, 1)).Then(Turns(9)));
  corpus.Add(target, "indices",
             Welcomed(0)
                 .Then(Request(0, 1, 1, 0, 0, 0))
                 .Then(ClientDeed(0, {4, 0, 2, 255}))
                 .Then(Turns(3))
                 .Then(Welcomed(1))
                 .Then(ClientDeed(1, {4, 3, 1, 7, 0}))
                 .Then(Turns(3)));
  corpus.Add(target, "leaves-at-once",
             Welcomed(0).Then(Request(0, 1, 1, 0, 0, 0)).Then(Says{5, 0}).Then(Turns(3)));
  rsm::Greeting other;
  other.group = 78;
  corpus.Add(
      target, "other-group",
      Says{6, 2}.Then(ClientDeed(2, {0, sizeof(other)})).Value(other).Then(Says{0}).Then(Says{3, 0, 9}));
  corpus.AddRandom(target, 6, 300, 14);
}

// As in client_responses.cc: action 0 submits, 1 lets time pass, 2 is a deed of the replica.
Says ReplicaDeed(std::initializer_list<std::uint8_t> deed) {
  return Says{2}.Then(Says(deed));
}
Says Respond(std::uint8_t on, std::uint8_t status, std::uint8_t applied) {
  return ReplicaDeed({6, on, status, applied, 2, 0, 1});  // with the number of a session as the reply
}

void WriteResponses(const Corpus& corpus) {
  const std::string target = "client_responses";
  const Says welcomed = Says{0, 9, 0, 1, 1}
                            .Then(ReplicaDeed({0}))
                            .Then(Says{1, 1})
                            .Then(ReplicaDeed({3, 1, 1}))
                            .Then(Says{1, 1, 1, 1});
  corpus.Add(target, "welcomed", welcomed);
  corpus.Add(target, "answers",
             Says(welcomed)
                 .Then(Respond(1, 1, 0))
                 .Then(Says{1, 1})
                 .Then(Respond(1, 1, 0))
                 .Then(Says{0, 20, 0, 1, 1})
                 .Then(Respond(1, 1, 1)));
  corpus.Add(target, "largest-command",
             Says{0, 9, 0, 1, 1}
                 .Then(ReplicaDeed({0}))
                 .Then(Says{1, 1})
                 .Then(ReplicaDeed({3, 0, 2}))
                 .Value(~std::uint64_t{0} - 8)
                 .Then(Says{1, 1, 1, 1})
                 .Then(Says{2, 6, 1, 1, 0, 2, 0, 1}));
  corpus.Add(target, "index", Says(welcomed).Then(ReplicaDeed({5, 2, 1, 3, 0})).Then(Says{1, 1}));
  corpus.AddRandom(target, 8, 300, 15);
}

}  // namespace

void WriteClientSeeds(const Corpus& corpus) {
  WriteRequests(corpus);
  WriteResponses(corpus);
}

}  // namespace gaios::fuzz
