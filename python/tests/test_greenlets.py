"""gevent and eventlet: callbacks, log lines and waits leave other greenlets running."""

import subprocess
from contextlib import suppress
from importlib.util import find_spec

import pytest

from server import eventually

FRAMEWORKS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            find_spec(name) is None, reason=f"{name} is not installed; see tests/requirements.txt"
        ),
    )
    for name in ("gevent", "eventlet")
]

# eventlet warns of itself.
START = """if 1:
    import sys, warnings
    warnings.simplefilter("ignore")
    if sys.argv[3] == "gevent":
        from gevent import monkey
        monkey.patch_all()
        import gevent as green
        spawn = green.spawn
    else:
        import eventlet as green
        green.monkey_patch()
        spawn = green.spawn
    import logging, os, threading, time, flagstaff
    client = flagstaff.create_soasap_client(api_key="k", base_url=sys.argv[1], cache_directory=sys.argv[2])
    ticks = [0]
    def tick():
        while True:
            ticks[0] += 1
            time.sleep(0.005)
    spawn(tick)
    def ticks_during(wait):
        before = ticks[0]
        answer = wait()
        return answer, ticks[0] - before
    def say(*what):
        os.write(1, (" ".join(map(str, what)) + "\\n").encode())
    native = __import__("_thread").get_native_id()
"""


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_waits_let_other_greenlets_run(framework, server, tmp_path, start):
    code = (
        START
        + """
    ready, during = ticks_during(lambda: client.wait_until_ready(20))
    assert ready
    for flags in (client, flagstaff.Reader(client.path)):
        same, during = ticks_during(lambda: flags.wait_for_change(flags.generation, 0.3))
        assert same == flags.generation and during >= 10, during
    nothing, during = ticks_during(lambda: flagstaff.Reader("/nonexistent", attach=True).wait_until_ready(0.3))
    assert nothing is False and during >= 10, during
    before = client.generation
    say("waiting")
    now, during = ticks_during(lambda: client.wait_for_change(before, 20))
    assert now == before + 1, (before, now)
    client.close()
    say("closed")
    """
    )
    program = start(code, server.url, tmp_path / "cache", framework)
    eventually(lambda: "waiting" in program.text() or program.process.poll() is not None)
    server.publish({"on": False})
    assert program.end() == ["waiting\n", "closed\n"]


# A native thread that took the lock of a log handler, or one of the caller, which greenlets of another thread hold, stood still
# with it, and then they did.
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_callbacks_and_log_lines_come_in_greenlets_and_share_their_locks(framework, server, tmp_path, start):
    code = (
        START
        + """
    lock = threading.Lock()
    seen = {"logged": set(), "told": set(), "errors": set()}
    class Handler(logging.Handler):
        def emit(self, record):
            time.sleep(0.001)
            seen["logged"].add(__import__("_thread").get_native_id())
    logging.basicConfig(level=logging.INFO, handlers=[Handler()])
    def changed(changes):
        with lock:
            time.sleep(0.001)
            seen["told"].add(__import__("_thread").get_native_id())
    def failed(context):
        with lock:
            time.sleep(0.001)
            seen["errors"].add(__import__("_thread").get_native_id())
    client.close()
    client = flagstaff.create_soasap_client(
        api_key="another", base_url=sys.argv[1], cache_directory=sys.argv[2], on_error=failed
    )
    client.on_change(changed)
    turns = [0] * 8
    def work(number):
        for _ in range(50):
            with lock:
                time.sleep(0.001)
                client.get_bool("on")
                logging.info("turn")
            turns[number] += 1
            time.sleep(0.001)
    for number in range(8):
        spawn(work, number)
    deadline = time.monotonic() + 30
    while (min(turns) < 50 or not all(seen.values())) and time.monotonic() < deadline:
        time.sleep(0.01)
    say(min(turns), *(found == {native} for found in seen.values()))
    """
    )
    program = start(code, server.url, tmp_path / "cache", framework)
    turn = 0
    while program.process.poll() is None:
        turn += 1
        # Every second one is refused, which is an error to tell.
        server.publish({"turn": turn} if turn % 2 else f"[{turn}]")
        with suppress(subprocess.TimeoutExpired):
            program.process.wait(0.01)
    assert program.end() == ["50 True True True\n"]


# Not under eventlet, whose hub after a fork shares one epoll instance with that of the parent: each takes events of the other, whoever waits.
@pytest.mark.parametrize("framework", FRAMEWORKS[:1])
def test_a_child_forked_by_greenlets_has_callbacks_of_its_own_and_leaves_those_of_its_parent(
    framework, server, tmp_path, start
):
    code = (
        START
        + """
    assert client.wait_until_ready(20)
    told = []
    client.on_change(lambda changes: told.append(changes.new.get("turn")))
    pid = os.fork()
    name = "parent" if pid else "child"
    client.get_bool("on")
    say("ready", name)
    deadline = time.monotonic() + 30
    while (len(told) < 20 or not os.path.exists(sys.argv[2] + "/end")) and time.monotonic() < deadline:
        time.sleep(0.005)
    say(name, len(told) >= 20, told == sorted(told))
    os._exit(os.waitpid(pid, 0)[1] if pid else 0)
    """
    )
    folder = tmp_path / "cache"
    folder.mkdir()
    program = start(code, server.url, folder, framework)
    eventually(lambda: program.text().count("ready") == 2 or program.process.poll() is not None)
    turn = 0
    while program.process.poll() is None:
        turn += 1
        server.publish({"turn": turn})
        if turn == 60:
            (folder / "end").touch()
        with suppress(subprocess.TimeoutExpired):
            program.process.wait(0.01)
    lines = program.end()
    assert {"child True True\n", "parent True True\n"} <= set(lines), lines
