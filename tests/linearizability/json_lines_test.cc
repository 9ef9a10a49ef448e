// What a line must be, and what is said of one that is not.

#include "tests/linearizability/json_lines.h"

#include <ostream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gaios::linearizability {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

absl::Status Read(Model model, const std::string& text) {
  std::istringstream in(text);
  History history(model);
  return ReadHistory(in, "h.jsonl", history);
}

TEST(JsonLines, ReadsWhatTheFormatHas) {
  std::istringstream in(
      R"({"process":1,"type":"invoke","f":"cas","key":"x","value":[null,{"b":1,"a":[2]}],"slot":null,"time_ns":5}

{"process":18446744073709551615,"type":"invoke","f":"read","key":7,"value":null,"time_ns":5,"node":"n1"}
  {"process":18446744073709551615,"type":"ok","f":"read","key":7,"value":"x","time_ns":6}  )"
      "\r\n"
      R"({"process":1,"type":"info","f":"cas","key":"x","error":"timeout","time_ns":7})");
  History history(Model::kRegister);
  const absl::Status read = ReadHistory(in, "h.jsonl", history);
  ASSERT_TRUE(read.ok()) << read.message();
  ASSERT_EQ(history.operations().size(), 2);
  const Operation& cas = history.operations()[0];
  EXPECT_EQ(cas.process, 1);
  EXPECT_EQ(cas.function, Function::kCas);
  EXPECT_EQ(cas.outcome, EventType::kInfo);
  EXPECT_EQ(history.Text(cas.key), "\"x\"");
  EXPECT_EQ(cas.expected, kNullText);
  EXPECT_EQ(history.Text(cas.value), R"({"a":[2],"b":1})");
  EXPECT_EQ(cas.invoked_at, 1);
  EXPECT_EQ(cas.answered_at, kNever);
  const Operation& operation = history.operations()[1];
  EXPECT_EQ(operation.process, UINT64_MAX);
  EXPECT_EQ(history.Text(operation.key), "7");
  EXPECT_EQ(history.Text(operation.value), "\"x\"");
  EXPECT_EQ(operation.invoked_at, 3);  // lines of the file, the empty one too
  EXPECT_EQ(operation.answered_at, 4);
}

TEST(JsonLines, ReadsSlots) {
  std::istringstream in(
      "{\"process\":1,\"type\":\"invoke\",\"f\":\"submit\"}\n"
      "{\"process\":1,\"type\":\"ok\",\"f\":\"submit\",\"value\":\"filled\",\"slot\":9,\"index\":2}\n"
      "{\"process\":1,\"type\":\"invoke\",\"f\":\"submit\",\"value\":4}\n"
      "{\"process\":1,\"type\":\"ok\",\"f\":\"submit\",\"slot\":null}\n"
      "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n"
      "{\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"slot\":11,\"value\":\"digest\"}\n");
  History history(Model::kLog);
  const absl::Status read = ReadHistory(in, "h.jsonl", history);
  ASSERT_TRUE(read.ok()) << read.message();
  ASSERT_EQ(history.operations().size(), 3);
  EXPECT_EQ(history.operations()[0].slot, 9);
  EXPECT_EQ(history.operations()[0].index, 2);
  EXPECT_EQ(history.operations()[0].value, kNullText);  // the answer of the machine is not judged
  EXPECT_FALSE(history.operations()[1].slot.has_value());
  EXPECT_EQ(history.operations()[2].slot, 11);
  EXPECT_EQ(history.Text(history.operations()[2].value), "\"digest\"");
}

struct Wrong {
  const char* name;
  Model model;
  const char* lines;
  const char* where;
  const char* message;
};

void PrintTo(const Wrong& wrong, std::ostream* out) {
  *out << wrong.name;
}

std::string NameOf(const ::testing::TestParamInfo<Wrong>& wrong) {
  return wrong.param.name;
}

class MalformedLine : public ::testing::TestWithParam<Wrong> {};

TEST_P(MalformedLine, IsRefusedWithItsPlaceAndTheFix) {
  const Wrong& wrong = GetParam();
  const absl::Status read = Read(wrong.model, wrong.lines);
  ASSERT_TRUE(absl::IsInvalidArgument(read)) << read.message();
  EXPECT_THAT(std::string(read.message()), StartsWith(wrong.where));
  EXPECT_THAT(std::string(read.message()), HasSubstr(wrong.message));
}

constexpr Model kRegister = Model::kRegister;
constexpr Model kLog = Model::kLog;

INSTANTIATE_TEST_SUITE_P(
    Text, MalformedLine,
    ::testing::Values(
        Wrong{"not_json", kRegister, "process 1 reads", "h.jsonl:1: ", "not valid JSON at byte 1"},
        Wrong{"cut_off", kRegister, "\n{\"process\":1,\"type\":\"inv", "h.jsonl:2: ", "not valid JSON"},
        Wrong{"not_utf8", kRegister, "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"\xff\"}",
              "h.jsonl:1: ", "not valid JSON"},
        Wrong{"number_too_large", kRegister, "{\"process\":1,\"value\":1e999}",
              "h.jsonl:1: ", "not valid JSON"},
        Wrong{"two_objects", kRegister, "{} {}", "h.jsonl:1: ", "not valid JSON"},
        Wrong{"not_an_object", kRegister, "[1,2]", "h.jsonl:1: ", "not a JSON object"},
        Wrong{"field_twice", kRegister, R"({"process":1,"process":2,"type":"invoke","f":"read"})",
              "h.jsonl:1: ", "\"process\" stands twice"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Fields, MalformedLine,
    ::testing::Values(
        Wrong{"no_process", kRegister, R"({"type":"invoke","f":"read"})",
              "h.jsonl:1: ", "\"process\" is missing"},
        Wrong{"process_is_a_name", kRegister, R"({"process":"nemesis","type":"invoke","f":"read"})",
              "h.jsonl:1: ", "\"process\" is \"nemesis\": it must be a whole number"},
        Wrong{"process_is_negative", kRegister, R"({"process":-1,"type":"invoke","f":"read"})",
              "h.jsonl:1: ", "\"process\" is -1: it must be a whole number"},
        Wrong{"no_type", kRegister, R"({"process":1,"f":"read"})",
              "h.jsonl:1: ", "\"type\" is missing: give one of invoke, ok, fail, info"},
        Wrong{"unknown_type", kRegister, R"({"process":1,"type":"done","f":"read"})",
              "h.jsonl:1: ", "\"type\" is \"done\": give one of invoke, ok, fail, info"},
        Wrong{"no_f", kRegister, R"({"process":1,"type":"invoke"})", "h.jsonl:1: ", "\"f\" is missing"},
        Wrong{"unknown_f", kRegister, R"({"process":1,"type":"invoke","f":7})",
              "h.jsonl:1: ", "\"f\" is 7: give one of read"},
        Wrong{"f_of_another_model", kRegister, R"({"process":1,"type":"invoke","f":"submit"})",
              "h.jsonl:1: ", "model register knows read, write and cas"},
        Wrong{"key_is_a_list", kRegister, R"({"process":1,"type":"invoke","f":"read","key":[1]})",
              "h.jsonl:1: ", "\"key\" is [1]: it must be a string, a number or null"},
        Wrong{"slot_is_text", kLog,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"submit\"}\n"
              "{\"process\":1,\"type\":\"ok\",\"f\":\"submit\",\"slot\":\"9\"}",
              "h.jsonl:2: ", "\"slot\" is \"9\": it must be a whole number"},
        Wrong{"slot_is_fractional", kLog,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"submit\"}\n"
              "{\"process\":1,\"type\":\"ok\",\"f\":\"submit\",\"slot\":9.5}",
              "h.jsonl:2: ", "\"slot\" is 9.5: it must be a whole number"},
        Wrong{"slot_is_too_large", kLog,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"submit\"}\n"
              "{\"process\":1,\"type\":\"ok\",\"f\":\"submit\",\"slot\":9223372036854775808}",
              "h.jsonl:2: ", "0 to 9223372036854775807"},
        Wrong{"index_is_too_large", kLog,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"submit\"}\n"
              "{\"process\":1,\"type\":\"ok\",\"f\":\"submit\",\"slot\":1,\"index\":4294967296}",
              "h.jsonl:2: ", "\"index\" is 4294967296"},
        Wrong{"time_is_fractional", kRegister, R"({"process":1,"type":"invoke","f":"read","time_ns":1.5})",
              "h.jsonl:1: ", "\"time_ns\" is 1.5"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Values, MalformedLine,
    ::testing::Values(
        Wrong{"number_of_more_than_64_bits", kRegister,
              R"({"process":1,"type":"invoke","f":"write","value":123456789012345678901234567890})",
              "h.jsonl:1: ", "\"value\" holds a number that is taken for 1.2345678901234568e+29"},
        Wrong{"number_of_too_many_digits", kRegister,
              R"({"process":1,"type":"invoke","f":"write","value":[1,{"x":0.12345678901234567891}]})",
              "h.jsonl:1: ", "write it like that, or as a string"},
        Wrong{"key_of_more_than_64_bits", kRegister,
              R"({"process":1,"type":"invoke","f":"read","key":123456789012345678901})",
              "h.jsonl:1: ", "\"key\" holds a number"},
        Wrong{"write_of_nothing", kRegister, R"({"process":1,"type":"invoke","f":"write","vaule":1})",
              "h.jsonl:1: ", "\"value\" is missing: a write says what it writes"},
        Wrong{"cas_of_nothing", kRegister, R"({"process":1,"type":"invoke","f":"cas"})",
              "h.jsonl:1: ", "\"value\" is missing: a cas says what it writes"},
        Wrong{"cas_of_null", kRegister, R"({"process":1,"type":"invoke","f":"cas","value":null})",
              "h.jsonl:1: ", "\"value\" is not a pair"},
        Wrong{"cas_of_one_value", kRegister, R"({"process":1,"type":"invoke","f":"cas","value":[1]})",
              "h.jsonl:1: ", "\"value\" is [1]: a cas has [what it replaces, by what]"},
        Wrong{"read_of_nothing", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":1,\"type\":\"ok\",\"f\":"
              "\"read\"}",
              "h.jsonl:2: ", "\"value\" is missing: the ok of a read says what was read"},
        Wrong{"write_answered_with_another_value", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"write\",\"value\":1}\n"
              "{\"process\":1,\"type\":\"ok\",\"f\":\"write\",\"value\":2}",
              "h.jsonl:2: ", "\"value\" is another than at line 1"},
        Wrong{"cas_answered_with_another_value", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"cas\",\"value\":[1,2]}\n"
              "{\"process\":1,\"type\":\"fail\",\"f\":\"cas\",\"value\":[0,2]}",
              "h.jsonl:2: ", "\"value\" is another than at line 1"},
        Wrong{"submit_answered_without_a_word_on_slots", kLog,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"submit\"}\n"
              "{\"process\":1,\"type\":\"ok\",\"f\":\"submit\",\"slto\":4}",
              "h.jsonl:2: ", "\"slot\" is missing: the ok of a submit says where it is"},
        Wrong{"unknown_outcome_with_a_slot", kLog,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"submit\"}\n"
              "{\"process\":1,\"type\":\"info\",\"f\":\"submit\",\"slot\":4}",
              "h.jsonl:2: ", "\"slot\" is 4, but info is no answer that knows one"},
        Wrong{"index_without_a_slot", kLog,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"submit\"}\n"
              "{\"process\":1,\"type\":\"ok\",\"f\":\"submit\",\"slot\":null,\"index\":4}",
              "h.jsonl:2: ", "\"index\" is 4 without a \"slot\""},
        Wrong{"read_of_a_log_without_its_length", kLog,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":1,\"type\":\"ok\",\"f\":"
              "\"read\"}",
              "h.jsonl:2: ", "\"slot\" is missing: the ok of a read says of how many slots"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Order, MalformedLine,
    ::testing::Values(
        Wrong{"time_decreases", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"time_ns\":5}\n"
              "{\"process\":2,\"type\":\"invoke\",\"f\":\"read\"}\n"
              "{\"process\":3,\"type\":\"invoke\",\"f\":\"read\",\"time_ns\":4}",
              "h.jsonl:3: ", "\"time_ns\" is 4, before the 5 of a line above"},
        Wrong{"two_operations_at_once", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":1,\"type\":\"invoke\",\"f\":"
              "\"read\"}",
              "h.jsonl:2: ", "process 1 invokes, but its operation of line 1 has no answer yet"},
        Wrong{"answer_to_nothing", kRegister, R"({"process":1,"type":"ok","f":"read","value":1})",
              "h.jsonl:1: ", "process 1 is answered but has nothing under way"},
        Wrong{"answered_twice", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":1,\"type\":\"fail\",\"f\":"
              "\"read\"}\n"
              "{\"process\":1,\"type\":\"fail\",\"f\":\"read\"}",
              "h.jsonl:3: ", "process 1 is answered but has nothing under way"},
        Wrong{"goes_on_after_info", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":1,\"type\":\"info\",\"f\":"
              "\"read\"}\n"
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}",
              "h.jsonl:3: ",
              "process 1 goes on after the outcome of its operation became unknown (info at line 2)"},
        Wrong{"answered_after_info", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":1,\"type\":\"info\",\"f\":"
              "\"read\"}\n"
              "{\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"value\":1}",
              "h.jsonl:3: ", "process 1 is answered after its outcome became unknown (info at line 2)"},
        Wrong{"answer_to_another_f", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":1,\"type\":\"ok\",\"f\":"
              "\"write\"}",
              "h.jsonl:2: ", "\"f\" is write, but process 1 invoked a read at line 1"},
        Wrong{"answer_of_another_key", kRegister,
              "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"x\"}\n"
              "{\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"key\":\"y\",\"value\":1}",
              "h.jsonl:2: ", "\"key\" is \"y\", but the invocation at line 1 has \"x\""}),
    NameOf);

TEST(MalformedHistory, DeepNestingIsRefusedNotFollowed) {
  const std::string deep(100'000, '[');
  const absl::Status read = Read(kRegister, R"({"process":1,"type":"invoke","f":"write","value":)" + deep +
                                                std::string(deep.size(), ']') + "}");
  ASSERT_TRUE(absl::IsInvalidArgument(read));
  EXPECT_THAT(std::string(read.message()), HasSubstr("h.jsonl:1: nested deeper than 64 levels"));
}

TEST(MalformedHistory, ALineHasABound) {
  const absl::Status read = Read(kRegister, "\n" + std::string(2 * kMaxLineBytes, ' ') + "\n");
  ASSERT_TRUE(absl::IsInvalidArgument(read));
  EXPECT_THAT(std::string(read.message()), StartsWith("h.jsonl:2: longer than"));
}

TEST(MalformedHistory, EventsOutOfOrderAreRefused) {
  History history(kRegister);
  Event event{.line = 2, .process = 1};
  EXPECT_TRUE(history.Add(event).ok());
  event = {.line = 2, .process = 2};
  EXPECT_TRUE(absl::IsInvalidArgument(history.Add(event)));
}

}  // namespace
}  // namespace gaios::linearizability
