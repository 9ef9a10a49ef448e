#ifndef GAIOS_CLI_DEMO_LIVE_LINE_H_
#define GAIOS_CLI_DEMO_LIVE_LINE_H_

// One line about a run, renewed in place on a terminal; elsewhere now and then a line of its own. Events get
// lines of their own everywhere. One thread.

#include <cstdint>
#include <cstdio>
#include <string>

namespace gaios::cli {

class LiveLine {
 public:
  explicit LiveLine(std::FILE* out);
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;
  ~LiveLine();

  // How often Show wants to be called.
  [[nodiscard]] std::uint64_t interval_ns() const { return terminal_ ? 250'000'000 : 1'000'000'000; }
  void Show(const std::string& line);
  void Event(const std::string& line);

 private:
  void EndLine();

  std::FILE* const out_;
  const bool terminal_;
  bool shown_ = false;  // the cursor stands behind a line that may be replaced
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_LIVE_LINE_H_
