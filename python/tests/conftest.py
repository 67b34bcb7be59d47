"""What most tests need: a service, a client of it, and Python programs of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import flagstaff
from sample import FLAGS
from server import eventually, serving

HERE = Path(__file__).parent

# A shell that starts this in the background ignores the signal, and programs started from here would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def server():
    with serving(FLAGS) as server:
        yield server


@pytest.fixture
def make_client(tmp_path):
    """Make clients that are closed at the end."""
    clients = []

    def make(url, **options):
        options.setdefault("cache_directory", tmp_path / "cache")
        options.setdefault("api_key", "test-key")
        client = flagstaff.create_soasap_client(base_url=url, **options)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(server, make_client):
    """A client that has the flags of the server."""
    client = make_client(server.url)
    assert client.wait_until_ready(20)
    return client


@pytest.fixture
def reader(client):
    return flagstaff.Reader(client.path)


@pytest.fixture
def run():
    """Run a program in a Python of its own and return what it printed."""

    def run(code, *arguments, code_expected=0, timeout=60):
        environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONFAULTHANDLER": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            check=False,
        )
        assert done.returncode == code_expected, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        run.stderr = done.stderr
        return done.stdout

    return run


class Program:
    """A Python program that runs beside the test."""

    def __init__(self, code, arguments, folder):
        self.output = folder / "program-output"
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                # Python 3.12 and newer warn of every fork beside threads, the ones of this package included.
                [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, *map(str, arguments)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONFAULTHANDLER": "1"},
            )

    def text(self):
        return self.output.read_text()

    def lines(self):
        return self.text().count("\n")

    def end(self, code_expected=0, timeout=60):
        """Wait for its end and return its lines."""
        assert self.process.wait(timeout) == code_expected, self.text()
        eventually(lambda: self.text())
        return self.text().splitlines(keepends=True)


@pytest.fixture
def start(tmp_path):
    """Start a program in a Python of its own."""
    programs = []

    def start(code, *arguments):
        programs.append(Program(code, arguments, tmp_path))
        return programs[-1]

    yield start
    for program in programs:
        program.process.kill()
        program.process.wait()
