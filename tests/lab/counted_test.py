"""That a lost, a doubled and a displaced command are found among the histories of several hosts."""

import json
import unittest

import counted


def ok(answer, slot):
    return json.dumps({"process": 0, "type": "ok", "f": "submit", "value": 1, "slot": slot} |
                      ({} if answer is None else {"answer": answer}))


class CountedTest(unittest.TestCase):
    def test_all_is_well(self):
        self.assertEqual([], counted.findings([[ok(1, 10), ok(3, 11)], [ok(2, 10), ok(None, None), ok(5, None)]], 5))

    def test_a_lost_command_whose_place_another_was_given(self):
        """As many were run as were acknowledged: the counts alone say nothing."""
        found = counted.findings([[ok(1, 10), ok(2, 11)], [ok(2, 12), ok(3, 13)]], 4)
        self.assertEqual(1, len(found))
        self.assertIn("number 2", found[0])

    def test_a_lost_command_at_the_end(self):
        self.assertIn("lost", counted.findings([[ok(1, 10), ok(2, 11)]], 1)[0])

    def test_commands_out_of_order(self):
        self.assertIn("out of order", counted.findings([[ok(1, 10), ok(3, 11)], [ok(2, 12)]], 3)[0])

    def test_counts(self):
        lines = [json.dumps({"type": kind}) for kind in ("invoke", "invoke", "invoke", "fail", "info")]
        self.assertEqual((2, 2, 1), counted.counts([lines, [ok(1, 10), ok(None, None)]]))


if __name__ == "__main__":
    unittest.main()
