#ifndef GAIOS_CLI_DOCTOR_REPORT_H_
#define GAIOS_CLI_DOCTOR_REPORT_H_

// Findings as text. Pure functions.

#include <string>

#include "gaios/cli/doctor/examine.h"
#include "gaios/cli/doctor/finding.h"

namespace gaios::cli {

// {"findings": [{id, level, text, fix}], "built_with": {verbs, dpdk}}
[[nodiscard]] std::string FindingsJson(const Findings& findings, const BuiltWith& built_with);

// For a person: one finding after the other, what to do about it below, and a summary at the end.
[[nodiscard]] std::string FindingsTable(const Findings& findings, const BuiltWith& built_with);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DOCTOR_REPORT_H_
