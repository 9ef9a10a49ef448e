// Writes the committed fixtures of the feeds into the directory given as the only argument.

#include <cstdio>
#include <string>

#include "tests/rsm/feeds/fixtures.h"
#include "tests/rsm/feeds/writers.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    static_cast<void>(std::fputs("usage: feeds_fixtures DIRECTORY\n", stderr));
    return 2;
  }
  for (const gaios::feeds::Fixture& fixture : gaios::feeds::Fixtures()) {
    gaios::feeds::WriteFile(std::string(argv[1]) + "/" + fixture.name,
                            gaios::feeds::Compress(fixture.compression, fixture.content));
  }
  return 0;
}
