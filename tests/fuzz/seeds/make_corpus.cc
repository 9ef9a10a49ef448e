// Writes the seeds of all corpora: fuzz_make_corpus DIRECTORY makes DIRECTORY/TARGET/seed-NAME and leaves
// other files alone.

#include <cstdio>

#include "tests/fuzz/seeds/corpus.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    static_cast<void>(std::fputs("usage: fuzz_make_corpus DIRECTORY\n", stderr));
    return 2;
  }
  const gaios::fuzz::Corpus corpus(argv[1]);
  gaios::fuzz::WriteLogSeeds(corpus);
  gaios::fuzz::WriteWireSeeds(corpus);
  gaios::fuzz::WriteClientSeeds(corpus);
  gaios::fuzz::WriteBookSeeds(corpus);
  gaios::fuzz::WriteFeedSeeds(corpus);
  gaios::fuzz::WriteUdpSeeds(corpus);
  gaios::fuzz::WriteNetworkSeeds(corpus);
  gaios::fuzz::WriteBootstrapSeeds(corpus);
#ifdef GAIOS_WITH_DPDK
  gaios::fuzz::WriteFrameSeeds(corpus);
#endif
  return 0;
}
