#include "gaios/cli/demo/live_line.h"

#include <unistd.h>

namespace gaios::cli {

LiveLine::LiveLine(std::FILE* out) : out_(out), terminal_(isatty(fileno(out)) == 1) {}

LiveLine::~LiveLine() {
  EndLine();
}

void LiveLine::Show(const std::string& line) {
  if (terminal_) {
    std::fprintf(out_, "\r%s\033[K", line.c_str());
    shown_ = true;
  } else {
    std::fprintf(out_, "%s\n", line.c_str());
  }
  std::fflush(out_);
}

void LiveLine::Event(const std::string& line) {
  EndLine();
  std::fprintf(out_, "%s\n", line.c_str());
  std::fflush(out_);
}

void LiveLine::EndLine() {
  if (shown_) {
    std::fputc('\n', out_);
    shown_ = false;
  }
}

}  // namespace gaios::cli
