"""Tests of which tests run by rotation."""

import collections
import os
import unittest
from unittest import mock

import rotation


def all_of_them():
    class Some(unittest.TestCase):
        def test_a(self): pass
        def test_b(self): pass

    class Others(unittest.TestCase):
        def test_c(self): pass
        def test_d(self): pass
        def test_e(self): pass

    load = unittest.defaultTestLoader.loadTestsFromTestCase
    return unittest.TestSuite([load(Some), load(Others)])


def names(tests):
    return [test.id().split(".")[-1] for test in rotation.each(tests)]


class DrawnTest(unittest.TestCase):
    def test_each_comes_as_often_as_any_other(self):
        often = collections.Counter()
        for by in range(5000):
            chosen = rotation.drawn("abcdefghij", 3, str(by))
            self.assertEqual(3, len(chosen))
            often.update(chosen)
        self.assertEqual(10, len(often))
        self.assertTrue(all(1200 < count < 1800 for count in often.values()), often)

    def test_the_same_text_draws_the_same(self):
        self.assertEqual(rotation.drawn("abcdefghij", 4, "x"), rotation.drawn("jihgfedcba", 4, "x"))

    def test_no_more_than_there_are(self):
        self.assertEqual({"a", "b"}, rotation.drawn("ab", 5, "x"))


class RotatedTest(unittest.TestCase):
    def test_without_a_text_nothing_is_left_out(self):
        with mock.patch.dict(os.environ):
            os.environ.pop("GAIOS_ROTATE_BY", None)
            self.assertEqual(["test_a", "test_b", "test_c", "test_d", "test_e"],
                             names(rotation.rotated(all_of_them(), ["test_a"], 1)))

    def test_some_always_and_so_many_of_the_others(self):
        seen = set()
        for by in range(50):
            with mock.patch.dict(os.environ, GAIOS_ROTATE_BY=str(by)), mock.patch("builtins.print"):
                chosen = names(rotation.rotated(all_of_them(), ["test_d"], 2))
            self.assertEqual(3, len(chosen))
            self.assertIn("test_d", chosen)
            seen.update(chosen)
        self.assertEqual({"test_a", "test_b", "test_c", "test_d", "test_e"}, seen)

    def test_one_that_is_always_to_run_and_is_not_there_is_an_error(self):
        with mock.patch.dict(os.environ, GAIOS_ROTATE_BY="x"), self.assertRaisesRegex(AssertionError, "no such tests: test_f"):
            rotation.rotated(all_of_them(), ["test_f"], 2)


if __name__ == "__main__":
    unittest.main()
