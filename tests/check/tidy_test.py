"""Tests of which sources tidy.py looks at."""

import os
import tempfile
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


class OneByOneTest(unittest.TestCase):
    def test_what_was_compiled_together_has_a_command_each(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = os.path.realpath(folder)
            together = os.path.join(folder, "Unity", "unity_0_cxx.cxx")
            os.mkdir(os.path.dirname(together))
            with open(together, "w", encoding="utf-8") as file:
                file.write('/* generated */\n\n#include "/p/a.cc"\n\n#include "/p/b.cc"\n')
            commands = [{"directory": folder, "command": f"c++ -o all.o -c {together}", "file": together},
                        {"directory": folder, "command": "c++ -o c.o -c /p/c.cc", "file": "/p/c.cc"}]
            listed = [(command["file"], command["command"], made, together)
                      for command, made, together in tidy.one_by_one(commands, folder)]
        self.assertEqual(listed, [("/p/a.cc", "c++ -o all.o -c /p/a.cc", "all.o", True),
                                  ("/p/b.cc", "c++ -o all.o -c /p/b.cc", "all.o", True),
                                  ("/p/c.cc", "c++ -o c.o -c /p/c.cc", "c.o", False)])

    def test_and_only_what_it_includes_itself(self):
        with tempfile.TemporaryDirectory() as folder:
            texts = {"a.cc": '#include "gaios/p/one.h"\n', "b.cc": '#include "p/two.h"\n', "p/one.h": "",
                     "p/two.h": '#include <vector>\n#include "gaios/p/three.h"\n', "p/three.h": ""}
            os.mkdir(os.path.join(folder, "p"))
            for name, text in texts.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            path = {name: os.path.join(folder, name) for name in texts}
            inputs = set(path.values())
            self.assertEqual({path["a.cc"], path["p/one.h"]}, tidy.included(path["a.cc"], inputs))
            self.assertEqual({path["b.cc"], path["p/two.h"], path["p/three.h"]}, tidy.included(path["b.cc"], inputs))


if __name__ == "__main__":
    unittest.main()
