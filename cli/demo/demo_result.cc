#include "gaios/cli/demo/demo_result.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "gaios/cli/latency.h"
#include "gaios/cli/status/group_status.h"

namespace gaios::cli {
namespace {

using nlohmann::json;

double Rate(const DemoResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.verdict.acknowledged) / result.seconds : 0;
}

void Row(std::string& text, const char* name, const std::string& value) {
  absl::StrAppendFormat(&text, "  %-16s %s\n", name, value);
}

json FeedJson(const feeds::FeedReport& feed) {
  return {{"format", feed.format},
          {"source", feed.source},
          {"messages", feed.messages()},
          {"mapped", feed.mapped()},
          {"ignored", feed.ignored()},
          {"unknown_references", feed.unknown_references()},
          {"inconsistent", feed.inconsistent()},
          {"malformed", feed.malformed},
          {"truncated", feed.truncated}};
}

}  // namespace

json DemoJson(const DemoResult& result) {
  const Verdict& verdict = result.verdict;
  return {{"replicas", result.replicas},
          {"submitted", result.submitted},
          {"acknowledged", verdict.acknowledged},
          {"unknown", result.unknown},
          {"applied", verdict.applied},
          {"lost", verdict.lost},
          {"duplicated", verdict.duplicated},
          {"reordered", verdict.reordered},
          {"misplaced", verdict.misplaced},
          {"invented", verdict.invented},
          {"orders_equal", verdict.orders_equal},
          {"hashes_equal", verdict.hashes_equal},
          {"state_hash", absl::StrFormat("%016x", verdict.state_hash)},
          {"verdict", verdict.Line()},
          {"findings", verdict.findings},
          {"troubles", result.troubles},
          {"leader_killed", result.killed.has_value() ? json(*result.killed) : json()},
          {"leader_changes", result.leader_changes},
          {"failover_us", result.failover.has_value() ? FailoverJson(*result.failover) : json()},
          {"readmitted_ms", result.readmitted_ms.has_value() ? json(*result.readmitted_ms) : json()},
          {"hand_over_gap_us", result.hand_over_gap_us.has_value() ? json(*result.hand_over_gap_us) : json()},
          {"client_gap_us", static_cast<double>(result.client_gap_ns) / 1e3},
          {"latency_ns", LatencyJson(result.latencies)},
          {"rate", Rate(result)},
          {"seconds", result.seconds},
          {"feed", FeedJson(result.feed)},
          {"book_rejects", result.book_rejects},
          {"unfilled_executions", result.unfilled_executions}};
}

std::string DemoSummary(const DemoResult& result) {
  std::string text = "\n";
  Row(text, "replicas", absl::StrCat(result.replicas));
  Row(text, "commands",
      absl::StrCat(NumberText(result.submitted), " sent, ", NumberText(result.verdict.acknowledged),
                   " acknowledged, ", NumberText(result.unknown), " unknown, ",
                   NumberText(result.verdict.applied), " run"));
  Row(text, "rate",
      absl::StrFormat("%s/s over %.1f s (asked for %s/s)",
                      NumberText(static_cast<std::uint64_t>(Rate(result))), result.seconds,
                      NumberText(static_cast<std::uint64_t>(result.rate_per_s))));
  const base::Histogram& latencies = result.latencies;
  Row(text, "latency",
      absl::StrCat("p50 ", DurationText(latencies.ValueAtPercentile(50)), ", p99 ",
                   DurationText(latencies.ValueAtPercentile(99)), ", p99.9 ",
                   DurationText(latencies.ValueAtPercentile(99.9)), ", p99.99 ",
                   DurationText(latencies.ValueAtPercentile(99.99)), ", max ",
                   DurationText(latencies.max_ns()), ", at the client, from when a command was due"));
  if (result.killed.has_value()) {
    Row(text, "killed",
        absl::StrCat("replica ", *result.killed, ", the leader; ", result.leader_changes, " change",
                     result.leader_changes == 1 ? "" : "s", " of leader"));
  }
  if (result.failover.has_value()) {
    const rsm::FailoverCounters& failover = *result.failover;
    Row(text, "failover",
        absl::StrCat(DurationText(failover.total_ns), ": detect ", DurationText(failover.detect_ns),
                     ", fence ", DurationText(failover.fence_ns), ", recover ",
                     DurationText(failover.recover_ns), ", first commit ",
                     DurationText(failover.first_commit_ns), "; the client saw a gap of ",
                     DurationText(result.client_gap_ns)));
  }
  if (result.readmitted_ms.has_value() && result.killed.has_value()) {
    Row(text, "back",
        absl::StrCat("replica ", *result.killed, ", ",
                     DurationText(static_cast<std::uint64_t>(*result.readmitted_ms * 1e6)),
                     " after it was started again: filled and readmitted"));
  }
  if (result.hand_over_gap_us.has_value() && result.killed.has_value()) {
    Row(text, "leads again",
        absl::StrCat("replica ", *result.killed, ", handed over as planned: nothing was committed for ",
                     DurationText(static_cast<std::uint64_t>(*result.hand_over_gap_us * 1e3))));
  }
  Row(text, "flow",
      absl::StrCat(result.feed.format, result.feed.source.empty() ? "" : " ", result.feed.source, ": ",
                   NumberText(result.feed.messages()), " messages, ", NumberText(result.feed.mapped()),
                   " mapped, ", NumberText(result.feed.ignored()), " ignored, ",
                   NumberText(result.feed.unknown_references()), " of unknown orders, ",
                   NumberText(result.feed.inconsistent()), " inconsistent, ",
                   NumberText(result.feed.malformed), " malformed",
                   result.feed.truncated ? absl::StrCat("; broke off: ", result.feed.end_reason) : ""));
  Row(text, "book",
      absl::StrCat(NumberText(result.book_rejects), " commands rejected, ",
                   NumberText(result.unfilled_executions), " executions not filled in full"));
  Row(text, "order",
      absl::StrCat(NumberText(result.verdict.reordered), " commands run out of the order they were sent in"));
  Row(text, "state hash", absl::StrFormat("%016x", result.verdict.state_hash));
  for (const std::string& trouble : result.troubles) {
    Row(text, "trouble", trouble);
  }
  for (const std::string& finding : result.verdict.findings) {
    Row(text, "finding", finding);
  }
  absl::StrAppend(&text, "\n", result.verdict.Line(), "\n");
  return text;
}

}  // namespace gaios::cli
