"""Processes that fork by themselves: clients made before and after, and children that outlive a leader."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from server import eventually

START = """if 1:
    import json, multiprocessing, os, subprocess, sys, threading, time, flagstaff
    url, cache = sys.argv[1:3]
    def make():
        return flagstaff.create_soasap_client(api_key="test-key", base_url=url, cache_directory=cache)
    def say(*what):
        os.write(1, (json.dumps(what) + "\\n").encode())
"""

AFTER = """
    def child(number):
        client = make()
        assert client.wait_until_ready(20)
        say(number, client.get_number("version"))
        while client.get_number("version") != 2:
            time.sleep(0.002)
        say(number, "saw it")
        client.close()
"""

FORKS = """
    pids = []
    for number in range(4):
        pids.append(os.fork())
        if pids[-1] == 0:
            child(number)
            os._exit(0)
    sys.exit(sum(os.waitpid(pid, 0)[1] for pid in pids))
"""


def lines(program, *about):
    return [line for line in map(json.loads, program.text().splitlines()) if line[1:] == list(about)]


@pytest.mark.parametrize("used_before", [False, True])
def test_clients_made_after_a_fork_share_one_stream(used_before, service, flags_of, tmp_path, start):
    before = "\n    first = make()\n    assert first.wait_until_ready(20)\n" if used_before else ""
    program = start(START + before + AFTER + FORKS, service.url, tmp_path)
    eventually(lambda: len(lines(program, 1)) == 4)
    service.publish(flags_of(2))
    eventually(lambda: len(lines(program, "saw it")) == 4)
    assert len(service.stats()["opened"]) == 1
    program.end()


# Once in some 300 forks a child stood still inside `os.fork`: the thread of the log was just being made known to CPython, under a
# lock that CPython 3.11 takes in the child before it makes it new. Now nobody is on the way into the interpreter during a fork.
def test_children_forked_in_the_middle_of_reads_and_updates_see_current_flags(
    service, flags_of, tmp_path, start
):
    code = (
        START
        + """
    client = make()
    assert client.wait_until_ready(20)
    def read():
        while True:
            client.snapshot()
            client.get_string("text")
            client.get_json("text")
    for _ in range(3):
        threading.Thread(target=read, daemon=True).start()
    for turn in range(100):
        pid = os.fork()
        if pid == 0:
            import signal
            signal.alarm(20)
            seen = client.get_number("version", -1)
            if not client.get_bool("known") or seen < 1:
                say(turn, seen, "default")
            while client.get_number("version") <= seen:
                time.sleep(0.001)
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        if status:
            say(turn, "status", status)
    say("done")
    os._exit(0)
    """
    )
    program = start(code, service.url, tmp_path)
    version = 1
    while program.process.poll() is None:
        version += 1
        service.publish(flags_of(version))
        time.sleep(0.002)
    assert program.end() == ['["done"]\n']


def test_another_process_takes_over_while_silent_children_of_the_dead_leader_live(
    service, flags_of, tmp_path, start
):
    leader = start(
        START
        + """
    client = make()
    assert client.wait_until_ready(20)
    # They never read; the last one is another program by then.
    children = [os.fork() or time.sleep(60) or os._exit(0) for _ in range(3)]
    children.append(subprocess.Popen(["sleep", "60"], close_fds=False).pid)
    say("children", children)
    time.sleep(60)
    """,
        service.url,
        tmp_path,
    )
    children = json.loads(eventually(lambda: leader.text().strip()))[1]
    try:
        (stream,) = service.stats()["live"]
        # Another one waits for its turn, without any kinship.
        other = start(
            START
            + """
    client = make()
    seen = client.get_number("version", -1)
    say("first", seen)
    while client.get_number("version") != 2:
        time.sleep(0.002)
    say("then")
    """,
            service.url,
            tmp_path,
        )
        eventually(lambda: '["first", 1.0]' in other.text())
        killed = time.monotonic()
        os.kill(leader.process.pid, signal.SIGKILL)
        opened = eventually(lambda: service.stats()["opened"][1:])
        assert opened[0][0] - killed < 1
        # The children do not keep the dead one's stream.
        eventually(lambda: stream not in service.stats()["live"])
        for child in children:
            os.kill(child, 0)
        service.publish(flags_of(2))
        other.end()
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_of_multiprocessing_answer_while_the_parents_threads_are_busy(
    method, service, flags_of, tmp_path, start
):
    # A module: the children of spawn import it.
    (tmp_path / "pool_program.py").write_text(
        """
import multiprocessing, sys, threading, time, flagstaff

def child(arguments):
    url, cache = arguments
    client = flagstaff.create_soasap_client(api_key="test-key", base_url=url, cache_directory=cache)
    deadline = time.monotonic() + 20
    while not client.get_bool("known") and time.monotonic() < deadline:
        time.sleep(0.002)
    return client.get_number("version")

if __name__ == "__main__":
    client = flagstaff.create_soasap_client(api_key="test-key", base_url=sys.argv[1], cache_directory=sys.argv[2])
    assert client.wait_until_ready(20)
    def read():
        while True:
            client.snapshot()
    for _ in range(2):
        threading.Thread(target=read, daemon=True).start()
    with multiprocessing.get_context(sys.argv[3]).Pool(4) as pool:
        print(sorted(set(pool.map(child, [sys.argv[1:3]] * 16, chunksize=1))))
"""
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "pool_program.py", service.url, tmp_path / "cache", method],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[1.0]\n"), done.stderr
    assert len(service.stats()["opened"]) == 1
