#include "tests/fuzz/seeds/corpus.h"

#include <filesystem>
#include <fstream>

#include "gaios/base/check.h"
#include "gaios/rsm/feeds/random.h"

namespace gaios::fuzz {
namespace {

constexpr std::size_t kMaxSeedBytes = 4095;

}  // namespace

void Corpus::Add(const std::string& target, const std::string& name, const std::string& bytes) const {
  GAIOS_CHECK(bytes.size() <= kMaxSeedBytes, name.c_str());
  const std::filesystem::path folder = std::filesystem::path(directory_) / target;
  std::filesystem::create_directories(folder);
  std::ofstream file(folder / ("seed-" + name), std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  GAIOS_CHECK(!file.fail(), "a file of the corpus is written");
}

void Corpus::AddRandom(const std::string& target, int count, std::size_t bytes, std::uint64_t seed) const {
  feeds::Random random(seed);
  for (int i = 0; i < count; ++i) {
    std::string text(bytes, '\0');
    for (char& byte : text) {
      byte = static_cast<char>(random.Below(256));
    }
    Add(target, "random-" + std::to_string(i), text);
  }
}

}  // namespace gaios::fuzz
