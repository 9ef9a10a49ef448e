#ifndef GAIOS_TESTS_FUZZ_SEEDS_CORPUS_H_
#define GAIOS_TESTS_FUZZ_SEEDS_CORPUS_H_

// The seeds of the corpora: small inputs that a fuzzer would take long to come upon, made by the tests' own
// writers or from numbers without a plan. None holds recorded data.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>

namespace gaios::fuzz {

// An input, said in the order in which Choices reads it.
class Says {
 public:
  Says() = default;
  Says(std::initializer_list<std::uint8_t> bytes) {
    Bytes(std::as_bytes(std::span(bytes.begin(), bytes.size())));
  }

  Says& Bytes(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) {
      text_.push_back(static_cast<char>(byte));
    }
    return *this;
  }
  template <typename Number>
  Says& Value(const Number& number) {
    return Bytes(std::as_bytes(std::span(&number, 1)));
  }
  Says& Then(const Says& more) {
    text_ += more.text_;
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class Corpus {
 public:
  explicit Corpus(std::string directory) : directory_(std::move(directory)) {}

  // Writes the file seed-NAME of a target.
  void Add(const std::string& target, const std::string& name, const std::string& bytes) const;
  void Add(const std::string& target, const std::string& name, const Says& says) const {
    Add(target, name, says.text());
  }
  // For targets to which any bytes are a long story: `count` of them.
  void AddRandom(const std::string& target, int count, std::size_t bytes, std::uint64_t seed) const;

 private:
  const std::string directory_;
};

// Each writes the seeds of some targets.
void WriteLogSeeds(const Corpus& corpus);
void WriteWireSeeds(const Corpus& corpus);
void WriteClientSeeds(const Corpus& corpus);
void WriteBookSeeds(const Corpus& corpus);
void WriteBootstrapSeeds(const Corpus& corpus);
void WriteFeedSeeds(const Corpus& corpus);
void WriteUdpSeeds(const Corpus& corpus);
void WriteNetworkSeeds(const Corpus& corpus);
void WriteFrameSeeds(const Corpus& corpus);  // where there is DPDK

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_SEEDS_CORPUS_H_
