"""uvloop and uWSGI: an event loop and a server that are written in C, and fork in their own ways."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from server import eventually

HERE = Path(__file__).parent
UWSGI = shutil.which("uwsgi", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))

SUBPROCESSES = """if 1:
    import asyncio, os, sys, flagstaff
    if sys.argv[3] == "uvloop":
        import uvloop
        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    told = []
    client = flagstaff.create_soasap_client(api_key="k", base_url=sys.argv[1], cache_directory=sys.argv[2])
    client.on_change(lambda changes: told.append(changes.generation))
    assert client.wait_until_ready(20)
    def descriptors():
        return len(os.listdir("/proc/self/fd"))
    async def one():
        process = await asyncio.create_subprocess_exec("/bin/true")
        assert await process.wait() == 0
        assert client.get_bool("on") is True
    async def main():
        # The loop waits for flags as well: its descriptors and ours live through every fork.
        waiting = asyncio.ensure_future(client.wait_for_change_async(timeout=100))
        await one()
        before = descriptors()
        for _ in range(int(sys.argv[4]) // 10):
            await asyncio.gather(*(one() for _ in range(10)))
        after = descriptors()
        assert after <= before + 2, (before, after)
        os.write(1, b"done\\n")
        await waiting
        while not told or told[-1] != client.generation:
            await asyncio.sleep(0.005)
        os.write(1, b"told\\n")
    loop.run_until_complete(asyncio.wait_for(main(), 100))
    assert client.status().publisher == "alive"
"""


@pytest.mark.parametrize(
    "loop",
    [
        "asyncio",
        pytest.param(
            "uvloop",
            marks=pytest.mark.skipif(
                find_spec("uvloop") is None, reason="uvloop is not installed; see tests/requirements.txt"
            ),
        ),
    ],
)
def test_a_client_lives_through_a_thousand_subprocesses_of_an_event_loop(loop, server, tmp_path, start):
    program = start(SUBPROCESSES, server.url, tmp_path / "cache", loop, 1000)
    eventually(lambda: "done" in program.text() or program.process.poll() is not None, 100)
    assert server.live == 1
    assert len(server.requests) == 1
    server.publish({"on": True, "new": 1})
    assert program.end() == ["done\n", "told\n"]


APPLICATION = """
import os, time, flagstaff
told = []
flags = flagstaff.create_soasap_client(
    api_key="k", base_url=os.environ["SERVICE"], cache_directory=os.environ["CACHE"], on_error=told.append
)
flags.on_change(lambda changes: told.append(changes.new["version"]))
if os.environ["READ_AT_IMPORT"] == "1":
    assert flags.wait_until_ready(20)

def application(environ, start_response):
    # So that one worker alone does not answer all.
    time.sleep(0.02)
    start_response("200 OK", [("Content-Type", "text/plain")])
    answer = [os.getpid(), int(flags.get_number("version")), told[-1] if told else 0]
    return [" ".join(map(str, answer)).encode()]
"""


def ask(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return tuple(map(int, answer.partition(b"\r\n\r\n")[2].split()))


def answers(path):
    try:
        with ThreadPoolExecutor(6) as pool:
            return list(pool.map(ask, [path] * 18))
    except (OSError, ValueError):
        return []


# uWSGI forks without Python's `os.fork`, and without `--py-call-osafterfork` Python hears nothing of it.
@pytest.mark.skipif(not UWSGI, reason="uwsgi is not installed; see tests/requirements.txt")
@pytest.mark.parametrize(
    ("read_at_import", "options"),
    [
        pytest.param(0, ["--lazy-apps"], id="lazy"),
        pytest.param(0, [], id="forked"),
        pytest.param(1, [], id="forked-after-a-read"),
        pytest.param(1, ["--py-call-osafterfork"], id="forked-after-a-read-with-hooks"),
        pytest.param(1, ["--py-call-uwsgi-fork-hooks"], id="forked-after-a-read-with-hooks-of-uwsgi"),
    ],
)
def test_every_worker_of_uwsgi_sees_updates_and_has_callbacks(read_at_import, options, server, tmp_path):
    server.publish({"version": 1})
    (tmp_path / "uwsgi_application.py").write_text(APPLICATION)
    at = tmp_path / "http.sock"
    command = [
        UWSGI,
        "--http-socket",
        at,
        "--master",
        "--processes",
        "3",
        "--enable-threads",
        "--die-on-term",
    ]
    command += [
        "--need-app",
        "--virtualenv",
        sys.prefix,
        "--pythonpath",
        tmp_path,
        "--module",
        "uwsgi_application",
    ]
    environment = {
        **os.environ,
        "SERVICE": server.url,
        "CACHE": str(tmp_path / "cache"),
        "READ_AT_IMPORT": str(read_at_import),
    }
    log = tmp_path / "uwsgi.log"
    with log.open("w") as output:
        uwsgi = subprocess.Popen(
            [*map(str, command), *options], env=environment, cwd=tmp_path, stdout=output, stderr=output
        )
    try:
        workers = set()

        def see(version):
            assert uwsgi.poll() is None, log.read_text()
            found = answers(at)
            workers.update(pid for pid, _, _ in found)
            return found and all(seen == told == version for _, seen, told in found)

        def ready():
            found = answers(at)
            workers.update(pid for pid, _, _ in found)
            return [seen for _, seen, _ in found] == [1] * 18 and len(workers) == 3

        # Each worker once: what was there before the first read of a worker is no change.
        eventually(ready)
        for version in (2, 3):
            server.publish({"version": version})
            eventually(lambda version=version: see(version))
        eventually(lambda: see(3) and len(workers) == 3)
        assert len(server.requests) == 1
        os.kill(uwsgi.pid, signal.SIGTERM)
        assert uwsgi.wait(20) == 0
    finally:
        if uwsgi.poll() is None:
            uwsgi.kill()
            uwsgi.wait()
