"""A program that ends, however it ends: no hang, no crash, nothing on standard error."""

import signal
import time

import pytest

from server import eventually

START = """if 1:
    import os, signal, sys, threading, time, flagstaff
    client = flagstaff.create_soasap_client(
        api_key="k", base_url=sys.argv[1], cache_directory=sys.argv[2], on_error=lambda context: None
    )
    assert client.wait_until_ready(20)
"""

BUSY = """
    def spin(changes):
        print("in the callback", flush=True)
        number = 0
        while True:
            number += 1
    client.on_change(spin)
"""

ASLEEP = """
    def sleep(changes):
        print("in the callback", flush=True)
        time.sleep(60)
    client.on_change(sleep)
"""

QUICK = """
    turns = []
    def count(changes):
        turns.append(changes.generation)
        if len(turns) == 3:
            print("in the callback", flush=True)
    client.on_change(count)
"""

END_WHEN_TOLD = """
    while not os.path.exists(sys.argv[2] + "/end"):
        time.sleep(0.005)
    {end}
"""


@pytest.mark.parametrize(
    "callback", [BUSY, ASLEEP, QUICK], ids=["a busy callback", "a sleeping callback", "quick callbacks"]
)
@pytest.mark.parametrize("end", ["pass", "sys.exit(0)", "del client"], ids=["end", "exit", "del"])
def test_a_program_ends_while_callbacks_run(callback, end, server, tmp_path, start):
    program = start(START + callback + "\n    " + END_WHEN_TOLD.format(end=end), server.url, tmp_path)
    eventually(lambda: server.live)
    turn = 0
    while "in the callback" not in program.text():
        turn += 1
        server.publish({"on": True, "turn": turn})
        time.sleep(0.01)
    begun = time.monotonic()
    (tmp_path / "end").touch()
    while program.process.poll() is None:
        turn += 1
        server.publish({"on": True, "turn": turn})
        time.sleep(0.005)
    assert time.monotonic() - begun < 5
    assert program.end() == ["in the callback\n"]


def test_a_program_that_does_nothing_more_ends_at_once_and_hands_the_lock_over(
    server, tmp_path, run, make_client
):
    code = (
        START
        + """
    print(time.monotonic())
"""
    )
    ended = run(code, server.url, tmp_path / "cache")
    assert time.monotonic() - float(ended) < 2
    client = make_client(server.url, api_key="k")
    assert client.get_bool("on") is True
    assert client.status().publisher in ("stopped", "alive")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_signals_end_a_program_as_ever(number, server, tmp_path, start):
    program = start(START + "\n    print('ready', flush=True)\n    time.sleep(60)", server.url, tmp_path)
    eventually(lambda: program.lines())
    begun = time.monotonic()
    program.process.send_signal(number)
    program.process.wait(20)
    assert time.monotonic() - begun < 2
    assert program.process.returncode == -number


def test_daemon_threads_that_wait_do_not_keep_a_program_from_its_end(server, tmp_path, run):
    code = (
        START
        + """
    for wait in (
        lambda: client.wait_for_change(client.generation),
        lambda: [client.get_json("rules") for _ in iter(int, 1)],
        lambda: [client.snapshot() for _ in iter(int, 1)],
        lambda: flagstaff.Reader("/nonexistent", attach=True).wait_until_ready(),
    ):
        threading.Thread(target=wait, daemon=True).start()
    time.sleep(0.1)
    print("end")
"""
    )
    for _ in range(5):
        assert run(code, server.url, tmp_path) == "end\n"
        assert run.stderr == ""


def test_a_program_ends_while_lines_are_logged(server, tmp_path, run):
    code = """if 1:
        import logging, sys, time, flagstaff
        logging.basicConfig(level=logging.INFO, stream=sys.stdout)
        clients = [
            flagstaff.Client(f"k{n}", base_url="http://127.0.0.1:9", cache_directory=sys.argv[1], preload=True)
            for n in range(20)
        ]
        time.sleep(float(sys.argv[2]))
    """
    for turn in range(6):
        run(code, tmp_path, turn * 0.01)
        assert run.stderr == ""


def test_clients_may_be_left_to_the_end_in_every_way(server, tmp_path, run):
    code = (
        START
        + """
    import atexit
    class Cycle:
        pass
    cycle = Cycle()
    cycle.self = cycle
    cycle.client = client
    cycle.flag = client.json_flag("rules")
    cycle.snapshot = client.snapshot()
    atexit.register(lambda: client.get_bool("on"))
    class Late:
        def __del__(self, client=client, write=os.write):
            assert client.get_bool("on")
            client.close()
            write(1, b"late")
    sys.late = Late()
"""
    )
    assert "late" in run(code, server.url, tmp_path)
    assert run.stderr == ""
