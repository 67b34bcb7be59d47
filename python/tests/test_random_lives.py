"""Random lives: readers and clients of real processes, that fork, sleep and are killed, while the service publishes and people touch
the file. Once somebody can publish and the world is quiet, every one of them answers the newest flags at its next read, and none goes
back. `FLAGSTAFF_LONG=1` walks more steps, `FLAGSTAFF_LIVES_SEED` names the first seed, `FLAGSTAFF_LIVES_SECONDS` bounds the time."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import flagstaff
from lives_flags import flags_of
from server import FlagServer, eventually

HERE = Path(__file__).parent
MOST_HOSTS, MOST_SUBJECTS = 3, 12
# Payloads that a process that sleeps has not read: more could fill its connection.
MOST_UNREAD = 12

STEPS = {
    "publish": 40,
    "burst": 5,
    "wait": 4,
    "client": 6,
    "reader": 4,
    "attach": 4,
    "drop": 6,
    "host": 2,
    "fork": 4,
    "kill": 4,
    "sleep": 2,
    "wake": 4,
    "remove": 1,
    "copy": 1,
    "restore": 1,
    "foreign": 1,
}


class Host:
    def __init__(self, listener, subjects, process=None):
        self.socket, _ = listener.accept()
        self.socket.settimeout(60)
        self.lines = self.socket.makefile("r")
        self.subjects = subjects
        self.process = process
        self.sleeps = False
        (self.pid,) = self.hear()

    def say(self, *line):
        self.socket.sendall((json.dumps(line) + "\n").encode())

    def hear(self):
        line = self.lines.readline()
        assert line, "crashed: a process with readers has ended"
        answer = json.loads(line)
        assert answer[0] != "wrong", answer[1]
        return answer

    def tell(self, *line):
        self.say(*line)
        return self.hear()

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        if self.process:
            self.process.wait()


class World:
    def __init__(self, folder):
        self.folder = folder
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "hosts"))
        self.listener.listen()
        self.listener.settimeout(60)
        self.server = FlagServer()
        self.hosts = []
        self.number = self.reads = self.unread = 0
        self.newest, self.possible = None, []
        self.touched = False
        self.say(3)
        # The first of them has a client, which publishes.
        self.start()
        self.path = self.open(self.hosts[0], "client", self.server.url, str(folder))

    def close(self):
        for host in self.hosts:
            host.end()
        self.server.close()

    # What can happen. A step that makes no sense where it comes does nothing.

    def publish(self, which):
        self.say([0, 1, 10, 300][which % 4])

    def burst(self, which):
        for size in range(which % 6):
            self.say(size)

    def wait(self, which):
        found = self.some_subject(which)
        if found and self.is_served():
            host, number = found
            assert host.tell("wait", number) == ["waits"]
            self.say(which % 40)
            assert host.hear() == ["ok", True], "frozen: a wait was not woken"

    def client(self, which):
        self.make(which, "client", self.server.url, str(self.folder))

    def reader(self, which):
        self.make(which, "reader", self.path, False)

    def attach(self, which):
        self.make(which, "reader", self.path, True)

    def drop(self, which):
        found = self.some_subject(which)
        if found:
            host, number = found
            del host.subjects[number]
            host.tell("drop", number)

    def host(self, which):
        if len(self.hosts) < MOST_HOSTS:
            self.start()

    def fork(self, which):
        host = self.some_host(which)
        if host and len(self.hosts) < MOST_HOSTS:
            host.say("fork")
            self.hosts.append(Host(self.listener, dict(host.subjects)))
            assert host.hear() == self.hosts[-1].hear() == ["ok"]

    def kill(self, which):
        host = self.some_host(which)
        if host:
            self.hosts.remove(host)
            host.end()

    def sleep(self, which):
        host = self.some_host(which)
        if host:
            os.kill(host.pid, signal.SIGSTOP)
            host.sleeps = True

    def wake(self, which):
        for host in self.hosts:
            if host.sleeps:
                os.kill(host.pid, signal.SIGCONT)
                host.sleeps = False

    def remove(self, which):
        Path(self.path).unlink(missing_ok=True)
        self.touched = True

    def copy(self, which):
        if not self.touched:
            subprocess.run(["cp", "--sparse=always", self.path, self.folder / "copy"], check=True)

    def restore(self, which):
        if (self.folder / "copy").exists():
            subprocess.run(
                ["cp", "--sparse=always", self.folder / "copy", self.folder / "restored"], check=True
            )
            os.rename(self.folder / "restored", self.path)
            self.touched = True

    def foreign(self, which):
        (self.folder / "foreign").write_bytes([b"", b"text", b"SQLite format 3\0" + bytes(8192)][which % 3])
        os.rename(self.folder / "foreign", self.path)
        self.touched = True

    # How it is done, and what is known.

    def say(self, size):
        if self.unread >= MOST_UNREAD and not self.is_served():
            return
        self.newest = ((self.newest or (0, 0))[0] + 1, size)
        self.unread += 1
        self.possible.append(self.newest)
        self.server.publish(flags_of(*self.newest))

    def start(self):
        process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "ignore::DeprecationWarning",
                HERE / "lives_host.py",
                self.folder / "hosts",
            ],
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
        )
        self.hosts.append(Host(self.listener, {}, process))

    def open(self, host, what, *arguments):
        self.number += 1
        (_, path) = host.tell(what, self.number, *arguments, self.possible)
        host.subjects[self.number] = what
        return path

    def make(self, which, what, *arguments):
        host = self.some_host(which)
        if host and not self.touched and sum(len(host.subjects) for host in self.hosts) < MOST_SUBJECTS:
            self.open(host, what, *arguments)

    def some_host(self, which):
        awake = [host for host in self.hosts if not host.sleeps]
        return awake[which % len(awake)] if awake else None

    def some_subject(self, which):
        found = [(host, number) for host in self.hosts if not host.sleeps for number in host.subjects]
        return found[which % len(found)] if found else None

    def is_served(self):
        """Somebody is awake that can publish, and nobody that sleeps holds the lock."""
        asleep = {host.pid for host in self.hosts if host.sleeps}
        can = any("client" in host.subjects.values() for host in self.hosts if not host.sleeps)
        return can and not asleep & holders(self.path + ".lock")

    def quiet(self):
        if not self.is_served():
            return

        def is_out():
            reader = flagstaff.Reader(self.path, attach=True)
            return (
                reader.get_number("n") == self.newest[0] and reader.status().path == "same" and self.is_own()
            )

        eventually(is_out, 20)
        self.possible, self.touched, self.unread = [self.newest], False, 0

    def is_own(self):
        """What is at the path is the file of the publisher, which has a second name."""
        path = Path(self.path)
        second = path.with_name(f".{path.name}.live")
        try:
            return path.stat().st_ino == second.stat().st_ino
        except FileNotFoundError:
            return False

    def step(self, what, which):
        getattr(self, what)(which)
        self.quiet()
        awake = [host for host in self.hosts if not host.sleeps]
        for host in awake:
            host.say("check", self.possible, which)
        for host in awake:
            self.reads += host.hear()[1]


def holders(lock):
    """The processes that hold a lock file."""
    if not os.path.exists(lock):
        return set()
    found = os.stat(lock)
    file = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    held = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {int(words[4]) for words in held if words[1] == "FLOCK" and words[5] == file}


def live(steps):
    """`None` and the number of reads, or the step at which it went wrong, and how."""
    folder = Path(tempfile.mkdtemp())
    world = World(folder)
    try:
        for at, step in enumerate(steps):
            try:
                world.step(*step)
            except (AssertionError, OSError) as wrong:
                return at, str(wrong).splitlines()[0]
        return None, world.reads
    finally:
        world.close()
        shutil.rmtree(folder, ignore_errors=True)


def shrink(steps, seconds=60):
    """Leave out halves, quarters, and so on to single steps, as long as it still goes wrong."""
    end, part = time.monotonic() + seconds, len(steps)
    while part >= 1 and time.monotonic() < end:
        at = 0
        while at < len(steps) and time.monotonic() < end:
            fewer = steps[:at] + steps[at + part :]
            failed, _ = live(fewer)
            if failed is None:
                at += part
            else:
                steps = fewer[: failed + 1]
        part //= 2
    return steps


def random_steps(seed, count):
    made = random.Random(seed)
    names = made.choices(list(STEPS), list(STEPS.values()), k=count)
    return [(name, made.randrange(1000)) for name in names]


@pytest.mark.timeout(3600)
def test_every_reader_and_client_answers_the_newest_flags_through_random_lives():
    is_long = os.environ.get("FLAGSTAFF_LONG", "0") != "0"
    lives, length = (40, 250) if is_long else (3, 130)
    first = int(os.environ.get("FLAGSTAFF_LIVES_SEED", "1"))
    limit = time.monotonic() + float(os.environ.get("FLAGSTAFF_LIVES_SECONDS", "1800"))
    reads = done = 0
    for seed in range(first, first + lives):
        if time.monotonic() > limit:
            break
        steps = random_steps(seed, length)
        failed, what = live(steps)
        if failed is not None:
            shrunk = shrink(steps[: failed + 1])
            lines = "\n".join(f"{name} {which}" for name, which in shrunk)
            pytest.fail(
                f"FLAGSTAFF_LIVES_SEED={seed}, step {failed + 1}: {what}\nshrunk to {len(shrunk)} steps:\n{lines}"
            )
        reads, done = reads + what, done + length
    print(f"{done} steps, {reads} reads, {done // length} lives from seed {first} on")
    assert reads > 10 * done


def test_a_reader_that_does_not_follow_is_noticed():
    folder = Path(tempfile.mkdtemp())
    world = World(folder)
    try:
        world.step("copy", 0)
        world.open(world.hosts[0], "reader", str(folder / "copy"), False)
        with pytest.raises(AssertionError, match="instead of"):
            world.step("publish", 3)
    finally:
        world.close()
        shutil.rmtree(folder, ignore_errors=True)
