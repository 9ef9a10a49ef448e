#include "bench/environment.h"

#include <stdlib.h>
#include <sys/utsname.h>

#include <fstream>
#include <string>

#include "gaios/base/pinning.h"

#include "commit_id.h"

namespace gaios::bench {
namespace {

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("model name", 0) == 0) {
      const std::size_t colon = line.find(": ");
      return colon == std::string::npos ? "unknown" : line.substr(colon + 2);
    }
  }
  return "unknown";
}

std::string FirstWordOf(const char* path) {
  std::ifstream file(path);
  std::string word;
  return file >> word ? word : "unknown";
}

}  // namespace

nlohmann::ordered_json DescribeEnvironment() {
  utsname system = {};
  double load[1] = {};
  nlohmann::ordered_json environment;
  environment["cpu"] = ProcessorName();
  environment["cores"] = base::AvailableCpus().size();
  environment["kernel"] = uname(&system) == 0 ? system.release : "unknown";
  environment["governor"] = FirstWordOf("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  environment["compiler"] = "g++ " __VERSION__;
  environment["commit_id"] = GAIOS_COMMIT_ID;
  environment["load"] = getloadavg(load, 1) == 1 ? load[0] : -1.0;
  return environment;
}

}  // namespace gaios::bench
