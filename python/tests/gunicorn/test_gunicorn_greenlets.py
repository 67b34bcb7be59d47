"""Gunicorn with greenlets, beside threads: nothing of ours stops a request."""

import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest

from server import eventually

REQUESTS = 400

KINDS = [
    pytest.param("gthread"),
    pytest.param(
        "gevent",
        marks=pytest.mark.skipif(
            find_spec("gevent") is None, reason="gevent is not installed; see tests/requirements.txt"
        ),
    ),
]


# Symptom: under gevent requests stood still for ever, 8 of 19. Cause: lines and callbacks came in a native thread, which took locks that
# gevent had made for greenlets of another thread. Fix: both run in a thread or greenlet that Python started.
@pytest.mark.parametrize(
    "preload",
    [{}, {"preload": True}, {"preload": True, "READ_AT_IMPORT": 1}],
    ids=["plain", "preload", "preload-read"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_no_request_is_lost_while_lines_are_logged_and_changes_are_told(
    kind, preload, service, make_fleet, flags_of
):
    patch = {"PATCH": 1} if preload and kind == "gevent" else {}
    fleet = make_fleet(workers=2, kind=kind, LOCKS=1, **preload, **patch)
    eventually(lambda: fleet.see(1))
    ending = threading.Event()
    version = [1]

    def publish():
        while not ending.wait(0.005):
            version[0] += 1
            service.publish(flags_of(version[0]))

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            # A request that gets no answer within 10 seconds raises.
            answers = list(pool.map(lambda _: fleet.get(timeout=10), range(REQUESTS)))
    finally:
        ending.set()
        publisher.join()
    assert len(answers) == REQUESTS
    assert len({pid for pid, _ in answers}) == 2
    eventually(lambda: fleet.see(version[0]))
    # Of every worker: each has its own callbacks.
    eventually(lambda: fleet.ask_all("told") == [[version[0]]] * 2)
