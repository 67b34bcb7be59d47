"""The real `flagstaff`: a flag server, a publisher that follows it, and readers in processes of their own."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

FLAGSTAFF = os.environ.get("FLAGSTAFF_BIN", "flagstaff")

# Only liveness matters where this is used, and the machine may be busy.
PATIENCE = 60

FLAGS = {
    "new-checkout": True,
    "dark-mode": False,
    "cart-limit": 50,
    "ratio": 0.25,
    "banner": "Spring sale",
    "welcome": "Hello,\nand welcome back.",
    "search.ranking": {"model": "bm25", "fields": ["title", "body"]},
    "regions": ["eu-west", "us-east"],
    "legacy-api": None,
}


def eventually(question, what="the condition"):
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not come true within {PATIENCE} s"
        time.sleep(0.02)


class Process:
    """A program with its output kept, ended with the test."""

    def __init__(self, *arguments, environment=None):
        self.lines = []
        # When each line arrived, as CLOCK_REALTIME in nanoseconds.
        self.arrivals = []
        self.errors = []
        self.process = subprocess.Popen(
            [FLAGSTAFF, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.threads = [
            threading.Thread(target=self._keep, args=(self.process.stdout, self.lines), daemon=True),
            threading.Thread(target=self._keep, args=(self.process.stderr, self.errors), daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def _keep(self, stream, lines):
        for line in stream:
            if lines is self.lines:
                self.arrivals.append(time.time_ns())
            lines.append(line)

    def line(self, pattern):
        """The first match in what it wrote, waited for."""

        def look():
            for line in [*self.lines, *self.errors]:
                found = re.search(pattern, line)
                if found:
                    return found
            assert self.process.poll() is None, f"{FLAGSTAFF} ended: {''.join([*self.lines, *self.errors])}"
            return None

        return eventually(look, f"a line with {pattern}")

    def stop(self, sign=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            self.process.wait(PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        for thread in self.threads:
            thread.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()


class Service:
    """`flagstaff serve` of one file, which may be killed and started again on its port."""

    def __init__(self, folder: Path, flags, *arguments, environment=None):
        self.path = folder / "flags.json"
        self.path.write_text(
            flags if isinstance(flags, str) else json.dumps(flags, ensure_ascii=False), "utf-8"
        )
        self.arguments = arguments
        self.environment = environment
        self.port = 0
        self.key = "dev"
        self.token = None
        self.start()

    def start(self):
        self.process = Process(
            "serve", self.path, "--port", self.port, *self.arguments, environment=self.environment
        )
        self.port = int(self.process.line(r"http://[^ /]*:(\d+)/").group(1))
        self.url = f"http://127.0.0.1:{self.port}/"

    def kill(self):
        self.process.stop(signal.SIGKILL)

    def stop(self):
        self.process.stop()

    def call(self, method, path, body=None, **headers):
        request = urllib.request.Request(f"{self.url}api/v1/{path}", method=method)
        request.add_header("X-API-Key", self.key)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if body is not None:
            request.data = body.encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def text(self, key):
        """The value as the server has it, or None."""
        try:
            return self.call("GET", f"flags/by-key?key={urllib.parse.quote(key, safe='')}")
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                raise

    def put(self, key, text):
        """Change a flag as another program does."""
        self.call("PUT", f"flags/by-key?key={urllib.parse.quote(key, safe='')}", text)

    def history(self):
        return json.loads(self.call("GET", "history"))["changes"]


class Host:
    """A host of the flags: `flagstaff run` follows the server, other processes read what it publishes."""

    def __init__(self, service: Service, folder: Path, known="new-checkout"):
        self.file = folder / "flags.flagstaff"
        self.watchers = []
        key = folder / "key"
        key.write_text(service.key)
        self.publisher = Process("run", "--file", self.file, "--base-url", service.url, "--api-key-file", key)
        eventually(lambda: self.get(known) is not None, "the first snapshot")

    def get(self, key):
        """What a process of its own reads, as JSON text, or None."""
        done = subprocess.run(
            [FLAGSTAFF, "get", key, "--file", str(self.file), "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else None

    def watch(self, *keys):
        watcher = Process("watch", *keys, "--file", self.file, "--json")
        # It ends with the host, also when a test fails before it has stopped it.
        self.watchers.append(watcher)
        watcher.line("generation")
        return watcher

    def stop(self):
        for process in [*self.watchers, self.publisher]:
            process.stop()
