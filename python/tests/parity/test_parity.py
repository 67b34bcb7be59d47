"""The same script against the SDK and against this package: every answer is the same, but those that are listed here."""

import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest
from flag_service import FlagService

VERSION = "1.0.3"
SCRIPT = Path(__file__).with_name("script.py")

# What is different on purpose: the call, as the script names it, what the SDK does, and why it is no model.
DEFECTS = {
    "get_number('digits')": ("OverflowError", "never throws: an integer of 401 digits raises"),
    "get_bool(odd key 8)": ("TypeError", "never throws: an unhashable key raises"),
    "get_bool(odd key 9)": ("TypeError", "the same"),
}
for getter in ("get_flag", "get_number", "get_string", "get_json"):
    for odd in (8, 9):
        DEFECTS[f"{getter}(odd key {odd})"] = ("TypeError", "the same")

DEEP = "[" * 100 + "]" * 100

STEPS = [
    # Every kind of value.
    {
        "on": True,
        "off": False,
        "int": 50,
        "float": 0.1,
        "big": 2**60 + 1,
        "huge": 2**70,
        "minus": -3,
        "zero": 0,
        "text": "Gr\u00fc\u00dfe \U0001f38f",
        "empty": "",
        "wide": "x" * 3000,
        "dict": {"b": 1, "a": [1, 2.5, None, True, "x", {"c": 1e3}]},
        "list": [1, [2, [3]]],
        "nothing": None,
        "": "no name",
        "a.b/c d": 1,
        "k\u00e9y \U0001f38f": 2,
        "string true": "true",
        "string 1": "1",
        "one": 1,
        "empty dict": {},
        "empty list": [],
    },
    # As somebody may write it by hand: order, duplicates, white space, escapes, the borders of numbers. Not `-0`: the SDK makes it the
    # integer 0, here it keeps its sign (README, "What is different from the SDK").
    '{ "minus zero": -0.0, "zero": 0, "twice": 1, "twice": "second",\t"tiny": 5e-324, "too big": 1e400, "exponent": 1E+2, '
    '"exact": 9007199254740993, "text": "\\u0041\\n\\ud83c\\udf8f\\/", "\\u006f\\u006e": true, "big": 18446744073709551616, '
    '"list": [9007199254740993, 1.0, -0.0, 1e2], "digits": '
    + "9" * 401
    + ', "deep": '
    + DEEP
    + ', "step": 2 }',
    # Flags change their kind, and go away.
    {"on": "now a text", "int": True, "text": 5, "dict": [1], "list": {"a": 1}, "nothing": 1},
    # Between this step and the one before are payloads that are refused.
    {"on": True},
]
REFUSED = ["[1, 2]", "null", '"text"', "5", "{broken", "", "   ", '{"on": tru}', '{"a": 1} x', "{'a': 1}"]


@pytest.fixture(scope="session")
def rival(request):
    """A Python that has the SDK, made once: FLAGSTAFF_RIVAL_PYTHON, or an environment in the cache of pytest."""
    python = os.environ.get("FLAGSTAFF_RIVAL_PYTHON")
    if python:
        return python
    folder = request.config.cache.mkdir(f"soasap-{VERSION}")
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--retries", "1", f"soasap=={VERSION}"]
        done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=100)
        if done.returncode:
            pytest.skip(
                f"soasap {VERSION} cannot be installed from the package index: {done.stderr.strip()[-200:]}"
            )
        (folder / "complete").touch()
    return python


class Side:
    """One of the two interpreters."""

    def __init__(self, python, name, url, folder, part="all"):
        self.answers = {}
        self.process = subprocess.Popen(
            [python, SCRIPT, name, url, folder, part],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self):
        """What it says until it waits, or ends."""
        for line in self.process.stdout:
            said = json.loads(line)
            if isinstance(said, str):
                return said
            step, call, answer = said
            self.answers[f"{step}: {call}"] = answer
        raise AssertionError(f"it ended with {self.process.wait()}")

    def go_on(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


@pytest.fixture
def start(tmp_path):
    sides = []

    def start(*arguments):
        sides.append(Side(*arguments))
        return sides[-1]

    yield start
    for side in sides:
        side.process.kill()
        side.process.wait()


def test_every_answer_is_that_of_the_sdk_but_for_its_listed_defects(rival, tmp_path, start):
    with FlagService(plain=True) as service:
        sides = [
            start(rival, "soasap", service.url, tmp_path / "soasap"),
            start(sys.executable, "flagstaff", service.url, tmp_path / "flagstaff"),
        ]
        for number, payload in enumerate(STEPS, 1):
            if number == len(STEPS):
                for refused in REFUSED:
                    publish_to_all(service, refused)
            service.publish(payload if isinstance(payload, str) else {**payload, "step": number})
            assert [side.read() for side in sides] == ["next", "next"]
            for side in sides:
                side.go_on("go on" if number < len(STEPS) else "close")
        assert [side.read() for side in sides] == ["closed", "closed"]
    for side in sides:
        side.go_on("nobody is there any more")
    assert [side.read() for side in sides] == ["end", "end"]
    theirs, ours = (side.answers for side in sides)
    assert len(ours) > 1000
    # An exception that is none any more leaves the list.
    assert different(theirs, ours) == set(DEFECTS)


def test_the_first_read_after_the_change_of_the_import_line_answers_from_the_cache_of_the_sdk(
    rival, tmp_path, start
):
    with FlagService(plain=True) as service:
        theirs = start(rival, "soasap", service.url, tmp_path)
        service.publish({**STEPS[0], "step": 1})
        assert theirs.read() == "next"
        theirs.go_on("close")
        assert theirs.read() == "closed"
    theirs.go_on("nobody is there any more")
    assert theirs.read() == "end"
    ours = start(sys.executable, "flagstaff", service.url, tmp_path, "disk")
    assert ours.read() == "end"
    of_the_disk = {call: answer for call, answer in theirs.answers.items() if call in ours.answers}
    assert of_the_disk["from the disk: get_bool('on')"] == ["bool", "True"]
    different(of_the_disk, ours.answers)


def different(theirs, ours):
    """The listed exceptions that were met; nothing else may be different."""
    assert theirs.keys() == ours.keys()
    met = set()
    unexpected = []
    for call, their in theirs.items():
        our, name = ours[call], call.split(": ", 1)[1]
        if their == our:
            continue
        if name in DEFECTS and their == ["raises", DEFECTS[name][0]] and our[0] != "raises":
            met.add(name)
        else:
            unexpected.append(f"{call}: soasap {their}, flagstaff {our}")
    assert not unexpected, "\n".join(unexpected)
    return met


def publish_to_all(service, payload):
    """Wait until it was sent: only the newest is sent to who is slow."""
    before = service.stats()["bytes"]
    service.publish(payload)
    deadline = time.monotonic() + 20
    while service.stats()["bytes"] - before < 2 * (len(payload) + 8):
        assert time.monotonic() < deadline
        time.sleep(0.002)
