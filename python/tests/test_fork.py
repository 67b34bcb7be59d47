"""A client that was made before a fork."""

import json
import sys
import time

import pytest

from server import eventually

CHILDREN = """if 1:
    import json, os, sys, time, flagstaff
    url, cache, children = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = flagstaff.create_soasap_client(api_key="k", base_url=url, cache_directory=cache, preload={preload})
    flag = client.bool_flag("on") if {preload} else None
    if {preload}:
        assert client.wait_until_ready(20)
    def say(*values):
        # In one piece, so that lines of processes do not mix.
        os.write(1, (json.dumps(values) + "\\n").encode())
    def child(number):
        first = client.get_bool("on")
        assert client.wait_until_ready(20)
        say(number, first, client.get_bool("on"))
        while client.get_bool("on"):
            time.sleep(0.002)
        say(number, "then", flag.get() if flag else False)
        client.close()
"""

FORK = """
    pids = []
    for number in range(children):
        pid = os.fork()
        if pid == 0:
            child(number)
            os._exit(0)
        pids.append(pid)
    sys.exit(sum(os.waitpid(pid, 0)[1] for pid in pids))
"""

MULTIPROCESSING = """
    import multiprocessing
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=child, args=(number,)) for number in range(children)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(sum(process.exitcode for process in processes))
"""


@pytest.mark.parametrize("way", [FORK, MULTIPROCESSING], ids=["os.fork", "multiprocessing"])
@pytest.mark.parametrize("preload", [True, False])
def test_children_read_current_values_and_share_one_stream(way, preload, server, tmp_path, start):
    program = start(CHILDREN.format(preload=preload) + way, server.url, tmp_path, 4)
    eventually(lambda: program.lines() == 4)
    assert len(server.requests) == 1
    server.publish({"on": False})
    lines = [json.loads(line) for line in program.end()]
    first = sorted(line for line in lines if line[1] != "then")
    assert [line[2] for line in first] == [True] * 4
    if preload:
        # At once, without waiting for anything.
        assert [line[1] for line in first] == [True] * 4
    assert sorted(line for line in lines if line[1] == "then") == [[n, "then", False] for n in range(4)]


def test_children_go_on_when_the_parent_that_publishes_is_killed(server, tmp_path, start):
    code = """if 1:
        import os, signal, sys, time, flagstaff
        client = flagstaff.create_soasap_client(api_key="k", base_url=sys.argv[1], cache_directory=sys.argv[2])
        assert client.wait_until_ready(20)
        if os.fork():
            print("parent", flush=True)
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)
        assert client.get_bool("on")
        while client.get_bool("on"):
            time.sleep(0.002)
        print("child saw it", flush=True)
        os._exit(0)
    """
    program = start(code, server.url, tmp_path)
    eventually(lambda: len(server.requests) == 2 and server.live == 1)
    server.publish({"on": False})
    program.end(code_expected=-9)
    eventually(lambda: "child saw it\n" in program.text())


def test_callbacks_and_logs_work_in_children(server, tmp_path, run):
    code = """if 1:
        import logging, os, sys, threading, time, flagstaff
        class Handler(logging.Handler):
            lines = []
            def emit(self, record):
                self.lines.append(record.getMessage())
        logging.getLogger("flagstaff").addHandler(Handler())
        logging.getLogger("flagstaff").setLevel(logging.INFO)
        told = []
        client = flagstaff.create_soasap_client(
            api_key="k", base_url="http://127.0.0.1:9", cache_directory=sys.argv[1], on_error=told.append
        )
        client.get_bool("on")
        while not told:
            time.sleep(0.01)
        client.close()
        client = flagstaff.create_soasap_client(
            api_key="k2", base_url="http://127.0.0.1:9", cache_directory=sys.argv[1], on_error=told.append
        )
        client.get_bool("on")
        pid = os.fork()
        if pid == 0:
            del told[:], Handler.lines[:]
            other = flagstaff.create_soasap_client(
                api_key="k3", base_url="http://127.0.0.1:9", cache_directory=sys.argv[1], on_error=told.append
            )
            other.get_bool("on")
            while not (told and Handler.lines):
                time.sleep(0.01)
            os._exit(0)
        sys.exit(os.waitpid(pid, 0)[1])
    """
    run(code, tmp_path)


def test_forks_under_load_of_logs_and_callbacks_never_hang(server, tmp_path, run):
    code = """if 1:
        import logging, os, signal, sys, threading, time, flagstaff
        logging.getLogger("flagstaff").addHandler(logging.FileHandler(sys.argv[2] + "/log"))
        logging.getLogger("flagstaff").setLevel(logging.INFO)
        client = flagstaff.create_soasap_client(
            api_key="k", base_url=sys.argv[1], cache_directory=sys.argv[2], on_error=lambda context: None
        )
        client.on_change(lambda changes: time.sleep(0.001))
        assert client.wait_until_ready(20)
        def read():
            while True:
                client.get_string("title")
                client.snapshot()
        for _ in range(2):
            threading.Thread(target=read, daemon=True).start()
        for turn in range(40):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                client.get_json("rules")
                client.snapshot()
                assert client.get_bool("on") in (True, False)
                client.close()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0, turn
        os._exit(0)
    """
    import threading

    stop = threading.Event()

    def publish():
        turn = 0
        while not stop.wait(0.003):
            turn += 1
            server.publish({"on": turn % 2 == 0, "title": "x" * turn, "rules": {"turn": turn}})

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        run(code, server.url, tmp_path, timeout=100)
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="forkserver is the default there")
def test_exec_after_fork_leaves_the_stream_alone(server, tmp_path, run):
    code = """if 1:
        import subprocess, sys, flagstaff
        client = flagstaff.create_soasap_client(api_key="k", base_url=sys.argv[1], cache_directory=sys.argv[2])
        assert client.wait_until_ready(20)
        for _ in range(5):
            subprocess.run(["true"], check=True)
        print(client.status().link)
    """
    assert run(code, server.url, tmp_path) == "open\n"
    assert len(server.requests) == 1


# `ctypes` gives the interpreter's lock back around the call, as servers written in C do. Python does not hear of the fork.
UNHEARD = """if 1:
    import ctypes, os, signal, sys, time, flagstaff
    client = flagstaff.create_soasap_client(api_key="k", base_url=sys.argv[1], cache_directory=sys.argv[2])
    told = []
    client.on_change(lambda changes: told.append(sum(range(2000))))
    assert client.wait_until_ready(20)
    fork = ctypes.CDLL(None).fork
    print("ready", flush=True)
    forks, stuck = 0, 0
    while client.get_number("n") < 300:
        pid = fork()
        if pid == 0:
            os._exit(0)
        forks += 1
        deadline = time.monotonic() + 5
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                stuck += 1
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            time.sleep(0.0002)
    # Fewer than there were changes, where several came while one was told.
    print("forks:", forks >= 50, "told:", len(told) >= 50, "stuck:", stuck)
"""


def test_a_fork_that_python_does_not_hear_of_finds_the_interpreter_free(server, tmp_path, start):
    """Symptom: about every second start of uWSGI without `--lazy-apps` a worker never answered.

    Cause: a thread that carried log lines or callbacks held the interpreter's lock while uWSGI forked, and nobody gave it
    back in the child. Fix: such a fork waits until those threads have given it back.
    """
    program = start(UNHEARD, server.url, tmp_path / "cache")
    eventually(lambda: "ready" in program.text() or program.process.poll() is not None)
    for n in range(301):
        server.publish({"n": n})
        time.sleep(0.004)
    assert program.end()[-1] == "forks: True told: True stuck: 0\n"
