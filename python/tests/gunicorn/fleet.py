"""Gunicorn with its workers, as a test sees it."""

import concurrent.futures
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


class Fleet:
    """Workers of Gunicorn that run `application.py`. Listens at a socket in `folder`, so that there are no ports to find."""

    def __init__(
        self,
        folder,
        url,
        *,
        workers=3,
        kind="sync",
        preload=False,
        sdk="flagstaff",
        python=sys.executable,
        extra=(),
        **more,
    ):
        self.folder = Path(folder)
        self.control = self.folder / "control"
        self.control.mkdir(parents=True)
        (self.control / "newest").write_bytes(bytes(4096))
        self.workers = workers
        environment = {
            **os.environ,
            "SDK": sdk,
            "SERVICE": url,
            "CACHE": str(self.folder / "cache"),
            "CONTROL": str(self.control),
            "PYTHONFAULTHANDLER": "1",
            "PYTHONPATH": str(HERE),
            **{name: str(value) for name, value in more.items()},
        }
        command = [
            str(python),
            "-m",
            "gunicorn",
            "application:app",
            "--config",
            str(HERE / "gunicorn_conf.py"),
        ]
        command += [
            "--bind",
            f"unix:{self.folder}/app.sock",
            "--workers",
            str(workers),
            "--worker-class",
            kind,
        ]
        command += ["--no-control-socket"]
        command += ["--threads", "4"] if kind == "gthread" else []
        command += ["--preload"] if preload else []
        self.log = self.folder / "gunicorn.log"
        with self.log.open("w") as log:
            self.begun = time.monotonic()
            self.master = subprocess.Popen(
                [*command, *extra], env=environment, cwd=self.folder, stdout=log, stderr=log
            )

    def pids(self):
        """The workers that can be asked."""
        try:
            children = Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children").read_text().split()
        except FileNotFoundError:
            raise AssertionError(self.log.read_text()) from None
        return [int(pid) for pid in children if (self.control / f"{pid}.sock").exists()]

    def all_pids(self):
        """The workers once all are there, or nothing."""
        pids = self.pids()
        return pids if len(pids) == self.workers else None

    def ask(self, pid, do, **arguments):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.control / f"{pid}.sock"))
            with connection.makefile("rw") as stream:
                stream.write(json.dumps({"do": do, **arguments}) + "\n")
                stream.flush()
                return json.loads(stream.readline())

    def ask_all(self, do, **arguments):
        pids = self.pids()
        with concurrent.futures.ThreadPoolExecutor(len(pids)) as pool:
            return list(pool.map(lambda pid: self.ask(pid, do, **arguments), pids))

    def see(self, version):
        """Whether all workers are there and answer this version."""
        pids = self.all_pids()
        try:
            return pids and all(self.ask(pid, "read")[:2] == [version, True] for pid in pids)
        except (OSError, ValueError):
            # One was recycled or killed meanwhile.
            return False

    def get(self, timeout=30):
        """One request: the process that answered, and its version."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(f"{self.folder}/app.sock")
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], answer
        return tuple(map(int, body.split()))

    def leader(self, service):
        """The process that has the stream."""
        live = service.stats()["live"]
        if len(live) != 1:
            return None
        inode = inode_of(live[0], int(service.url.rsplit(":", 1)[1]))
        owners = [pid for pid in [self.master.pid, *self.pids()] if inode and has_socket(pid, inode)]
        return owners[0] if len(owners) == 1 else None

    def violations(self):
        path = self.control / "violations"
        return path.read_text() if path.exists() else ""

    def newest(self):
        """The newest version that an observer has seen, and about how many times all have looked."""
        with (self.control / "newest").open("rb") as file:
            return struct.unpack("QQ", file.read(16))

    def stop(self):
        """SIGTERM, and the seconds until the exit."""
        begun = time.monotonic()
        self.master.send_signal(signal.SIGTERM)
        self.master.wait(30)
        return time.monotonic() - begun

    def close(self):
        if self.master.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                for pid in [*self.pids(), self.master.pid]:
                    os.kill(pid, signal.SIGKILL)
                self.master.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def inode_of(port, service_port):
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].split(":")[1], 16) == port and int(words[2].split(":")[1], 16) == service_port:
            return words[9]
    return None


def has_socket(pid, inode):
    try:
        return any(os.readlink(entry) == f"socket:[{inode}]" for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
