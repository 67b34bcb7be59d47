"""The provider of OpenFeature in forked children, where the SDK is not at home, and at the end of a program."""

import time

import pytest

pytest.importorskip("openfeature", reason="not installed: openfeature-sdk; see tests/requirements.txt")

from sample import FLAGS
from server import eventually

START = """if 1:
    import os, sys, threading, time, flagstaff
    from openfeature import api
    from openfeature.event import ProviderEvent
    from flagstaff.openfeature import FlagstaffProvider
    from server import eventually
    client = flagstaff.Client("k", base_url=sys.argv[1], cache_directory=sys.argv[2])
    told = []
    def handle(event):
        api.add_handler(event, lambda details: told.append((os.getpid(), event.name, details.flags_changed)))
    for event in ProviderEvent:
        handle(event)
    def events():
        return [(name, keys) for pid, name, keys in told if pid == os.getpid()]
    def in_child(look):
        pid = os.fork()
        if pid == 0:
            # It must not outlive the test. (Not by `faulthandler`, whose own thread is missing in a child of the child.)
            import signal
            signal.alarm(30)
            try:
                look()
                os._exit(0)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
"""


def test_children_of_forks_right_after_set_provider_are_ready_and_have_events(server, tmp_path, run):
    code = (
        START
        + """
    def look():
        details = features.get_boolean_details("on", False)
        # From the provider, and not from the SDK, which does not ask one that it takes for not ready.
        assert "flagSetId" in details.flag_metadata, details
        eventually(lambda: features.get_boolean_value("on", False))
        eventually(lambda: ("PROVIDER_READY", None) in events())
    for _ in range(10):
        api.set_provider(FlagstaffProvider(client))
        features = api.get_client()
        in_child(look)
    assert client.wait_until_ready(20)
    for _ in range(10):
        in_child(look)
    # A child of a child.
    in_child(lambda: in_child(look))
    print("done")
    """
    )
    assert run(code, server.url, tmp_path) == "done\n"


def test_children_hear_of_changes_though_handlers_ran_in_the_parent(server, tmp_path, start):
    code = (
        START
        + """
    api.set_provider_and_wait(FlagstaffProvider(client))
    assert client.wait_until_ready(20)
    eventually(lambda: len(events()) > 2)
    def look():
        eventually(lambda: "PROVIDER_READY" in dict(events()))
        print("child", flush=True)
        eventually(lambda: ("PROVIDER_CONFIGURATION_CHANGED", ["on"]) in events())
    in_child(look)
    eventually(lambda: ("PROVIDER_CONFIGURATION_CHANGED", ["on"]) in events())
    print("parent", flush=True)
    """
    )
    program = start(code, server.url, tmp_path)
    eventually(lambda: "child" in program.text())
    server.publish({**FLAGS, "on": False})
    assert program.end() == ["child\n", "parent\n"]


def test_a_lock_of_the_sdk_that_another_thread_holds_at_a_fork_stops_no_child(server, tmp_path, run):
    code = (
        START
        + """
    from openfeature import _event_support
    from openfeature.provider._registry import provider_registry
    api.set_provider_and_wait(FlagstaffProvider(client))
    assert client.wait_until_ready(20)
    held = threading.Event()
    def hold():
        with provider_registry._lock, _event_support._global_lock, _event_support._client_lock:
            held.set()
            time.sleep(60)
    threading.Thread(target=hold, daemon=True).start()
    held.wait()
    def look():
        eventually(lambda: "PROVIDER_READY" in dict(events()))
        api.set_provider_and_wait(FlagstaffProvider(client))
        assert api.get_client().get_boolean_value("on", False)
    in_child(look)
    print("done")
    """
    )
    assert run(code, server.url, tmp_path) == "done\n"


def test_children_of_a_fork_that_python_is_not_told_of_have_flags_and_events(server, tmp_path, start):
    # Without handlers before it, whose threads are the SDK's: see the limits of uWSGI in python/README.md.
    code = (
        START.replace("for event in ProviderEvent:", "for event in ():", 1)
        + """
    import ctypes
    api.set_provider_and_wait(FlagstaffProvider(client))
    assert client.wait_until_ready(20)
    pid = ctypes.CDLL(None).fork()
    if pid == 0:
        import signal
        signal.alarm(60)
    for event in ProviderEvent:
        handle(event)
    features = api.get_client()
    assert features.get_boolean_value("on", False)
    print("child" if pid == 0 else "parent", flush=True)
    eventually(lambda: not features.get_boolean_value("on", True))
    eventually(lambda: ("PROVIDER_CONFIGURATION_CHANGED", ["on"]) in events())
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    """
    )
    program = start(code, server.url, tmp_path)
    eventually(lambda: program.lines() == 2)
    server.publish({**FLAGS, "on": False})
    program.end()


def test_a_program_with_a_provider_ends_without_a_word(server, tmp_path, run):
    code = (
        START
        + """
    api.set_provider_and_wait(FlagstaffProvider(client))
    assert client.wait_until_ready(20)
    print(time.monotonic())
    """
    )
    ended = run(code, server.url, tmp_path)
    assert time.monotonic() - float(ended) < 3
    assert run.stderr == ""
