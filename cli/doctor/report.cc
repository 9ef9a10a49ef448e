#include "gaios/cli/doctor/report.h"

#include <algorithm>
#include <cstddef>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

namespace gaios::cli {

std::string FindingsJson(const Findings& findings, const BuiltWith& built_with) {
  nlohmann::ordered_json json;
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    json["findings"].push_back({{"id", finding.id},
                                {"level", std::string(LevelName(finding.level))},
                                {"text", finding.text},
                                {"fix", finding.fix}});
  }
  json["built_with"] = {{"verbs", built_with.verbs}, {"dpdk", built_with.dpdk}};
  // File names need not be UTF-8; the default would throw.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string FindingsTable(const Findings& findings, const BuiltWith& built_with) {
  std::size_t id_width = 0;
  std::size_t warnings = 0;
  std::size_t errors = 0;
  for (const Finding& finding : findings) {
    id_width = std::max(id_width, finding.id.size());
    warnings += finding.level == Level::kWarning ? 1U : 0U;
    errors += finding.level == Level::kError ? 1U : 0U;
  }
  std::string table;
  for (const Finding& finding : findings) {
    const int width = static_cast<int>(id_width);
    absl::StrAppendFormat(&table, "%-7s  %-*s  %s\n", std::string(LevelName(finding.level)), width,
                          finding.id, finding.text);
    if (!finding.fix.empty()) {
      absl::StrAppendFormat(&table, "%7s  %*s  -> %s\n", "", width, "", finding.fix);
    }
  }
  absl::StrAppend(&table, "\nbuilt with: shared memory", built_with.verbs ? ", verbs" : "",
                  built_with.dpdk ? ", DPDK" : "");
  if (!built_with.verbs || !built_with.dpdk) {
    absl::StrAppend(&table, "; without: ", built_with.verbs ? "" : "verbs",
                    built_with.verbs || built_with.dpdk ? "" : ", ", built_with.dpdk ? "" : "DPDK");
  }
  absl::StrAppend(&table, "\n", errors, errors == 1 ? " error, " : " errors, ", warnings,
                  warnings == 1 ? " warning\n" : " warnings\n");
  return table;
}

}  // namespace gaios::cli
