"""What can be changed on a host, and how it is given back.

A change knows how to read what is there, and how to write a value. What was there before the first write is kept in a
file, on the disk before anything is written, until it has been given back. Nothing here prints.
"""

import json
import os
import shutil
import subprocess

STATE_VERSION = 1


class NotHere(Exception):
    """This host does not have the thing. The text says what is missing."""


class Failed(Exception):
    """It is there, and would not be read or written. The text says what to do."""


class Host:
    """The file system, and programs, below a root directory. Under any root but / only the programs below it are run."""

    def __init__(self, root="/"):
        self.root = os.path.abspath(root)

    def path(self, name):
        return os.path.join(self.root, name.lstrip("/"))

    def exists(self, name):
        return os.path.exists(self.path(name))

    def list(self, name):
        try:
            return sorted(os.listdir(self.path(name)))
        except OSError:
            return []

    def read(self, name):
        """The text of a file, or None when there is none."""
        try:
            with open(self.path(name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failed(f"{name}: {error.strerror}") from error

    def write(self, name, text):
        try:
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
        except PermissionError as error:
            raise Failed(f"{name}: {error.strerror}; run it as root") from error
        except OSError as error:
            raise Failed(f"{name}: {error.strerror}") from error

    def run(self, *command):
        """What the program prints. NotHere when it, or what it is asked for, is not there; Failed when it fails."""
        if self.root == "/":
            program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/sbin:/bin")
        else:
            program = self.path(f"usr/sbin/{command[0]}")
        if program is None or not os.path.exists(program):
            raise NotHere(f"the program {command[0]} is not installed")
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = f"{' '.join(command)}: {done.stderr.strip() or 'failed'}"
            raise NotHere(said) if "not supported" in said else Failed(said)
        return done.stdout


class Change:
    """One setting. `wanted` is the value that it should have; `key` names it in the state and never changes."""

    topic = ""
    # When a value takes effect that is not in effect at once.
    later = ""

    def __init__(self, host, key, wanted, why):
        self.host, self.key, self.wanted, self.why = host, key, wanted, why

    def read(self):
        """What is there, as text; None for a file that is not there."""
        raise NotImplementedError

    def write(self, value):
        raise NotImplementedError

    def good(self, value):
        return value == self.wanted

    def show(self, value):
        return "nothing" if value is None else " ".join(value.split()) or "empty"


class SysfsChange(Change):
    """A file of the kernel's that holds one value."""

    def __init__(self, host, name, wanted, why):
        super().__init__(host, name, wanted, why)
        self.name = name

    def read(self):
        text = self.host.read(self.name)
        if text is None:
            raise NotHere(f"{self.name} is not there")
        return text.strip()

    def write(self, value):
        if not self.host.exists(self.name):
            raise NotHere(f"{self.name} is not there any more")
        self.host.write(self.name, value)


class FileChange(Change):
    """A file of its own below /etc."""

    def __init__(self, host, name, wanted, why):
        super().__init__(host, name, wanted, why)
        self.name = name

    def read(self):
        return self.host.read(self.name)

    def write(self, value):
        if value is None:
            if self.host.exists(self.name):
                os.unlink(self.host.path(self.name))
        else:
            self.host.write(self.name, value)


class State:
    """What was there before: key -> the value, in the order of the changes. Kept on the disk."""

    def __init__(self, host, name):
        self.host, self.name = host, name
        self.before = {}
        text = host.read(name)
        if text is not None:
            try:
                state = json.loads(text)
                if state["version"] != STATE_VERSION:
                    raise ValueError("of another release")
                self.before = dict(state["before"])
            except (ValueError, KeyError, TypeError) as error:
                raise Failed(f"{name}: cannot be read ({error}); it says what was there before, so it is left alone. "
                             "Move it away to begin anew") from error

    def remember(self, key, value):
        # What an earlier apply has found is what was there; the present value is this program's.
        if key not in self.before:
            self.before[key] = value
            self.save()

    def forget(self, key):
        del self.before[key]
        self.save()

    def save(self):
        path = self.host.path(self.name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not self.before:
                if os.path.exists(path):
                    os.unlink(path)
                return
            with open(path + ".new", "w", encoding="utf-8") as file:
                json.dump({"version": STATE_VERSION, "before": self.before}, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(path + ".new", path)
        except OSError as error:
            raise Failed(f"{self.name}: {error.strerror}; nothing is changed that cannot be given back") from error
