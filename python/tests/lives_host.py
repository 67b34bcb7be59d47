"""A process with long-lived readers, clients, handles: told line by line what to make, asked what they answer.

It connects to the socket of its argument. Each line is a JSON list, and so is each answer: `["ok", ..]`, or what was wrong.
"""

import json
import os
import random
import signal
import socket
import sys

import flagstaff
from lives_flags import KEYS, flags_of


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Subject:
    """One reader or client, asked in one way only: a call that looks at the path would hide that another one does not."""

    WAYS = ("getters", "handles", "snapshot", "wait")

    def __init__(self, flags, number):
        self.flags = flags
        self.way = self.WAYS[number % len(self.WAYS)]
        self.handles = {}
        # Which payload it answered last.
        self.at = -1

    def handle(self, key):
        if key not in self.handles:
            flags = self.flags
            self.handles[key] = (
                flags.bool_flag(key, True),
                flags.number_flag(key, -0.25),
                flags.string_flag(key, "?"),
                flags.json_flag(key),
            )
        return self.handles[key]

    def answers(self, keys):
        """Of each key: what it is as a boolean, a number, a text; and, of those that are neither, the value."""
        if self.way == "snapshot":
            snapshot = self.flags.snapshot()
            return [(key, snapshot.get(key, "missing")) for key in keys]
        if self.way == "wait":
            self.flags.wait_for_change(2**63, 0)
        if self.way == "handles":
            return [(key, *(handle.get() for handle in self.handle(key))) for key in keys]
        flags = self.flags
        return [
            (
                key,
                flags.get_bool(key, True),
                flags.get_number(key, -0.25),
                flags.get_string(key, "?"),
                flags.get_json(key),
            )
            for key in keys
        ]


def expected(flags, answer):
    key = answer[0]
    if len(answer) == 2:
        return (key, flags.get(key, "missing"))
    value = flags.get(key)
    return (
        key,
        value if isinstance(value, bool) else True,
        value if is_number(value) else -0.25,
        value if isinstance(value, str) else "?",
        value if isinstance(value, (dict, list)) else None,
    )


class Host:
    def __init__(self, name):
        self.name = name
        self.subjects = {}
        self.connect()

    def connect(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.name)
        self.lines = self.socket.makefile("r")
        self.say([os.getpid()])

    def say(self, answer):
        self.socket.sendall((json.dumps(answer) + "\n").encode())

    def serve(self):
        # Afresh each time: a child that was forked has a connection of its own.
        while line := self.lines.readline():
            what, *arguments = json.loads(line)
            self.say(getattr(self, what)(*arguments))
        os._exit(0)

    def client(self, number, url, folder, contents):
        # The oracle of these lives expects every good payload to be published.
        client = flagstaff.Client("lives", base_url=url, cache_directory=folder, guard=None)
        if not client.wait_until_ready(20):
            return ["wrong", f"client {number} has no flags"]
        return self.add(number, client, contents)

    def reader(self, number, path, attach, contents):
        return self.add(number, flagstaff.Reader(path, attach=attach), contents)

    def add(self, number, flags, contents):
        subject = self.subjects[number] = Subject(flags, number)
        return self.ask(number, subject, contents, number) or ["ok", flags.path]

    def drop(self, number):
        flags = self.subjects.pop(number).flags
        if isinstance(flags, flagstaff.Client):
            flags.close()
        return ["ok"]

    def wait(self, number):
        flags = self.subjects[number].flags
        generation = flags.generation
        self.say(["waits"])
        return ["ok", flags.wait_for_change(generation, 20) > generation]

    def fork(self):
        if os.fork() == 0:
            signal.alarm(3600)
            self.connect()
        return ["ok"]

    def ask(self, number, subject, contents, seed):
        """`None`, or what was wrong."""
        keys = ["n", *random.Random(seed).choices(KEYS, k=8), "cold-0", "never"]
        answers = subject.answers(keys)
        wrong = "none that came later is possible"
        for at, size in contents:
            if at < subject.at:
                continue
            flags = flags_of(at, size)
            bad = [
                (answer, expected(flags, answer)) for answer in answers if answer != expected(flags, answer)
            ]
            if not bad:
                subject.at = at
                return None
            wrong = f"{bad[0][0]!r:.200} instead of {bad[0][1]!r:.200}"
        kind = type(subject.flags).__name__
        return ["wrong", f"{kind} {number} ({subject.way}), which was at {subject.at}: {wrong}"]

    def check(self, contents, seed):
        for number, subject in self.subjects.items():
            wrong = self.ask(number, subject, contents, seed + number)
            if wrong:
                return wrong
        return ["ok", 11 * len(self.subjects)]


if __name__ == "__main__":
    Host(sys.argv[1]).serve()
