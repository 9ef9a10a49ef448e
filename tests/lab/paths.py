"""Where the lab is. Importing this lets its modules be imported, without leaving byte code in the clone."""

import os
import sys

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB_DIR = os.path.join(SOURCE_DIR, "hw-config", "lab")
LAB = os.path.join(LAB_DIR, "lab")
# Of the programs of this build; guests find them at the same path.
BIN = os.environ.get("GAIOS_BIN_DIR", os.path.join(SOURCE_DIR, "build", "release", "bin"))

sys.dont_write_bytecode = True
sys.path[:0] = [LAB_DIR, os.path.join(LAB_DIR, "guest")]
