"""Tests of which sources tidy.py looks at."""

import unittest

import tidy

FILES = {
    "/p/a.cc": ("1", {"/p/a.cc", "/p/a.h", "/p/b.h"}),
    "/p/b.cc": ("2", {"/p/b.cc", "/p/b.h"}),
    "/p/c.cc": ("3", {"/p/c.cc", "/p/b.h", "/p/only.h"}),
}


class ConcernedTest(unittest.TestCase):
    def test_a_source_that_changed(self):
        self.assertEqual(tidy.concerned(FILES, {"/p/c.cc"}), {"/p/c.cc"})

    def test_a_header_is_looked_at_through_the_source_of_its_name(self):
        self.assertEqual(tidy.concerned(FILES, {"/p/b.h"}), {"/p/b.cc"})

    def test_a_header_without_one_through_any_that_includes_it(self):
        self.assertEqual(tidy.concerned(FILES, {"/p/only.h"}), {"/p/c.cc"})

    def test_a_header_that_a_changed_source_includes_needs_no_other(self):
        self.assertEqual(tidy.concerned(FILES, {"/p/b.h", "/p/a.cc"}), {"/p/a.cc"})

    def test_what_is_no_source_concerns_none(self):
        self.assertEqual(tidy.concerned(FILES, {"/p/README.md"}), set())


if __name__ == "__main__":
    unittest.main()
