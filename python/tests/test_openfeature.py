"""The provider of OpenFeature: answers, states, events and forks. tests/gherkin has the scenarios of the specification."""

import asyncio
import gc
import math
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("openfeature", reason="not installed: openfeature-sdk; see tests/requirements.txt")

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.hook import Hook
from openfeature.provider import ProviderStatus
from openfeature.telemetry import create_evaluation_event

import flagstaff
from flagstaff.openfeature import FlagstaffProvider
from flagstaff.testing import MemoryClient
from sample import FLAGS
from server import eventually

KINDS = {"boolean": False, "string": "given", "integer": 7, "float": 0.5, "object": {"given": 1}}


@pytest.fixture(autouse=True)
def clean():
    yield
    api.shutdown()


@pytest.fixture
def told():
    """What handlers of all events were told: name, changed keys, message."""
    told = []
    for event in ProviderEvent:
        api.add_handler(event, lambda details, event=event: told.append((event.value, details)))
    # The provider that is there before ours is ready at once.
    eventually(lambda: told)
    told.clear()
    return told


def names(told):
    return [name.removeprefix("PROVIDER_") for name, _ in told]


def asked(provider, kind, key, context=None):
    return getattr(provider, f"resolve_{kind}_details")(key, KINDS[kind], context)


def expected(kind, value):
    """What a flag of this value is for who asks for this type; the fallback where it is none."""
    if kind == "boolean":
        fits = isinstance(value, bool)
    elif kind == "string":
        fits = isinstance(value, str)
    elif kind == "object":
        fits = isinstance(value, (dict, list))
    else:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        if fits and kind == "integer":
            fits = isinstance(value, int) or (math.isfinite(value) and value == int(value))
            return (int(value), fits) if fits else (KINDS[kind], False)
        if fits and kind == "float":
            try:
                value = float(value)
            except OverflowError:
                fits = False
    return (value, True) if fits else (KINDS[kind], False)


@pytest.mark.parametrize("kind", ["client", "reader", "memory"])
def test_each_flag_is_of_the_types_that_its_value_has(kind, client, server):
    flags = {
        **FLAGS,
        "whole": 3.0,
        "minus zero": -0.0,
        "exact": 2**53 + 1,
        "unsigned": 2**64 - 1,
        "beyond": 2**70,
        "huge": 10**400,
        "tiny": 5e-324,
        "deep": {"a": [[[{}]]]},
        "": "no name",
        "a.b/c d": True,
    }
    server.publish(flags)
    eventually(lambda: "huge" in client.snapshot())
    source = {"client": client, "reader": flagstaff.Reader(client.path), "memory": MemoryClient(flags)}[kind]
    provider = FlagstaffProvider(source)
    for key, value in flags.items():
        for asked_for in KINDS:
            details = asked(provider, asked_for, key)
            want, fits = expected(asked_for, source.snapshot()[key])
            assert (details.value, type(details.value)) == (want, type(want)), (key, asked_for, value)
            assert details.error_code == (None if fits else ErrorCode.TYPE_MISMATCH), (key, asked_for)
            assert details.reason == (Reason.STATIC if fits else Reason.ERROR)
            assert details.variant is None
            assert details.flag_metadata == {
                "version": str(source.generation),
                "flagSetId": Path(source.path).stem,
            }
    assert asked(provider, "object", "rules").value is not asked(provider, "object", "rules").value


@pytest.mark.parametrize("key", ["missing", None, 5, b"on", [], "\ud800", "x" * 100_000, "\0"])
def test_a_key_that_no_flag_has_is_not_found(key, client):
    for kind in KINDS:
        details = asked(FlagstaffProvider(client), kind, key)
        assert details.value is KINDS[kind]
        assert (details.error_code, details.reason) == (ErrorCode.FLAG_NOT_FOUND, Reason.ERROR)


def test_a_value_that_python_cannot_make_is_a_parse_error(client, server):
    # More digits than Python takes.
    server.publish('{"deep": [' + "9" * 5_000 + '], "on": true}')
    provider = FlagstaffProvider(client)
    eventually(lambda: "deep" in client.snapshot())
    details = asked(provider, "object", "deep")
    assert (details.error_code, details.value) == (ErrorCode.PARSE_ERROR, KINDS["object"])


class Odd:
    targeting_key = 5
    attributes = None


def test_a_context_that_is_none_is_an_invalid_context(client):
    provider = FlagstaffProvider(client)
    bad = [
        5,
        "user",
        [],
        {},
        object(),
        Odd(),
        EvaluationContext(targeting_key=5),
        EvaluationContext(attributes=[1]),
    ]
    for context in bad:
        details = asked(provider, "boolean", "on", context)
        assert (details.value, details.error_code) == (False, ErrorCode.INVALID_CONTEXT), context


def test_a_context_that_is_huge_or_deep_or_refers_to_itself_is_left_alone(client):
    deep = {}
    for _ in range(100_000):
        deep = {"deeper": deep}
    itself = {}
    itself["itself"] = itself
    api.set_provider_and_wait(FlagstaffProvider(client))
    for attributes in (deep, itself, {str(n): "x" * 100 for n in range(100_000)}, {5: object(), None: {1}}):
        context = EvaluationContext("somebody", attributes)
        assert api.get_client().get_boolean_details("on", False, context).reason == Reason.STATIC
    # Python itself would go as deep to free it.
    while deep:
        deep = deep.pop("deeper")


def test_reasons_and_metadata_say_when_flags_are_stale_or_cold():
    flags = MemoryClient({"on": True})
    provider = FlagstaffProvider(flags)
    for fields, reason in (
        ({}, Reason.STATIC),
        ({"is_stale": True, "contact_age": 12.5}, Reason.STALE),
        ({"is_stale": True, "contact_age": None}, Reason.STALE),
        ({"is_stale": True, "is_cold": True, "contact_age": None}, Reason.CACHED),
    ):
        flags.set_status(**fields)
        details = eventually(
            lambda reason=reason: (d := asked(provider, "boolean", "on")).reason == reason and d
        )
        age = fields.get("contact_age") if "is_stale" in fields else None
        # It is looked at ten times a second.
        eventually(lambda age=age: asked(provider, "boolean", "on").flag_metadata.get("staleSeconds") == age)
        assert details.value is True


def test_value_and_version_are_of_one_moment_while_flags_change():
    flags = MemoryClient({"n": 1})
    provider = FlagstaffProvider(flags)
    ending = threading.Event()

    def publish():
        # The generation of the next set.
        while not ending.is_set():
            flags.set("n", flags.generation + 1)

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        for _ in range(5_000):
            details = asked(provider, "integer", "n")
            assert str(details.value) == details.flag_metadata["version"]
    finally:
        ending.set()
        publisher.join()


def test_the_metadata_is_what_telemetry_looks_for(client):
    events = []

    class Telemetry(Hook):
        def finally_after(self, hook_context, details, hints):
            details.flag_metadata["of the hook"] = True
            events.append(create_evaluation_event(hook_context, details).attributes)

    api.set_provider_and_wait(FlagstaffProvider(client, hooks=[Telemetry()]))
    for _ in range(2):
        api.get_client().get_boolean_value("on", False)
    assert events[0] == events[1]
    attributes = {name.value: value for name, value in events[0].items()}
    assert attributes["feature_flag.version"] == str(client.generation)
    assert attributes["feature_flag.set.id"] == Path(client.path).stem
    assert attributes["feature_flag.evaluation.reason"] == "static"
    assert attributes["feature_flag.provider_name"] == "flagstaff"
    assert "of the hook" not in asked(FlagstaffProvider(client), "boolean", "on").flag_metadata


def test_asynchronous_calls_answer_the_same(client):
    api.set_provider_and_wait(FlagstaffProvider(client))
    features = api.get_client()

    async def main():
        calls = [features.get_integer_details_async("limit", 1) for _ in range(100)]
        return await asyncio.gather(*calls)

    assert {details.value for details in asyncio.run(main())} == {50}


@pytest.mark.parametrize("kind", ["client", "reader"])
def test_events_tell_what_changed_and_when_the_service_is_gone(kind, client, server, told):
    # Nobody answers who connects again.
    source = client if kind == "client" else flagstaff.Reader(client.path)
    api.set_provider(FlagstaffProvider(source))
    eventually(lambda: names(told) == ["READY"])
    server.publish({**FLAGS, "on": False, "new": 1})
    eventually(lambda: "CONFIGURATION_CHANGED" in names(told))
    assert told[-1][1].flags_changed == ["new", "on"]
    assert told[-1][1].metadata == {"version": str(source.generation)}
    assert told[-1][1].provider_name == "flagstaff"
    server.status = 503
    server.drop_connections()
    eventually(lambda: "STALE" in names(told))
    assert told[-1][1].message
    assert api.get_client().get_provider_status() is ProviderStatus.STALE
    eventually(lambda: api.get_client().get_string_details("title", "").reason == Reason.STALE)
    assert names(told).count("READY") == 1


def test_a_provider_without_flags_is_in_error_until_they_come(make_client, told):
    from server import serving

    with serving() as server:
        client = make_client(server.url)
        api.set_provider_and_wait(FlagstaffProvider(client))
        eventually(lambda: names(told) == ["READY", "ERROR"])
        assert told[-1][1].error_code is ErrorCode.PROVIDER_NOT_READY
        assert "no flags have come yet" in told[-1][1].message
        features = api.get_client()
        assert features.get_boolean_details("on", True).error_code is ErrorCode.PROVIDER_NOT_READY
        server.publish({"on": False})
        eventually(lambda: "CONFIGURATION_CHANGED" in names(told))
        eventually(lambda: features.get_provider_status() is ProviderStatus.READY)
        assert told[-1][1].flags_changed == ["on"]
        assert features.get_boolean_details("on", True).value is False


def test_handlers_that_raise_or_block_hold_up_nobody(client, server, told):
    end = threading.Event()
    api.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, lambda details: 1 / 0)
    api.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, lambda details: end.wait(60))
    api.set_provider_and_wait(FlagstaffProvider(client))
    try:
        for turn in range(3):
            told.clear()
            server.publish({"turn": turn})
            eventually(lambda: "CONFIGURATION_CHANGED" in names(told))
            assert api.get_client().get_integer_value("turn", -1) == turn
    finally:
        end.set()


def test_flags_in_memory_tell_their_events_before_set_returns(told):
    flags = MemoryClient({"on": True})
    api.set_provider_and_wait(FlagstaffProvider(flags))
    with flags.override("on", False):
        assert api.get_client().get_boolean_value("on", True) is False
    flags.set_status(is_stale=True)
    assert api.get_client().get_provider_status() is ProviderStatus.STALE
    eventually(lambda: names(told) == ["READY", "CONFIGURATION_CHANGED", "CONFIGURATION_CHANGED", "STALE"])


def test_a_provider_is_shut_down_as_often_as_one_likes_and_leaves_the_client_open(client):
    provider = FlagstaffProvider(client)
    for _ in range(3):
        provider.shutdown()
    assert asked(provider, "boolean", "on").error_code is ErrorCode.PROVIDER_NOT_READY
    provider.initialize(EvaluationContext())
    assert asked(provider, "boolean", "on").value is True
    api.set_provider_and_wait(provider)
    api.shutdown()
    api.shutdown()
    provider.shutdown()
    assert asked(provider, "boolean", "on").error_code is ErrorCode.PROVIDER_NOT_READY
    assert client.get_bool("on") is True
    api.set_provider_and_wait(provider)
    assert api.get_client().get_boolean_value("on", False) is True


def test_a_provider_that_is_set_again_while_the_sdk_still_shuts_it_down_goes_on(client, server, told):
    provider = FlagstaffProvider(client)
    api.set_provider_and_wait(provider)
    # What the thread of the SDK does that was started when another provider was set in between.
    provider.shutdown()
    assert api.get_client().get_boolean_value("on", False) is True
    told.clear()
    server.publish({"on": False})
    eventually(lambda: "CONFIGURATION_CHANGED" in names(told))


def test_one_provider_for_several_domains_goes_on_until_the_last_one_has_another(client):
    provider = FlagstaffProvider(client)
    for domain in (None, "a", "b"):
        api.set_provider_and_wait(provider, domain)
    api.set_provider_and_wait(FlagstaffProvider(MemoryClient({"on": False})), "a")
    assert [api.get_client(domain).get_boolean_value("on", None) for domain in (None, "a", "b")] == [
        True,
        False,
        True,
    ]


def bells():
    return sum(path.read_text() == "flag-bell\n" for path in Path("/proc/self/task").glob("*/comm"))


def test_the_thread_of_the_events_ends_with_the_provider(client):
    gc.collect()
    eventually(lambda: not bells())
    provider = FlagstaffProvider(client)
    provider.initialize(EvaluationContext())
    eventually(bells)
    provider = None
    gc.collect()
    eventually(lambda: not bells())
    quiet = FlagstaffProvider(client, events=False)
    quiet.initialize(EvaluationContext())
    assert not bells()


def test_a_client_that_was_closed_goes_on_answering(client):
    api.set_provider_and_wait(FlagstaffProvider(client))
    client.close()
    assert api.get_client().get_boolean_value("on", False) is True


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
    code = (
        START
        + """
    import ctypes
    api.set_provider_and_wait(FlagstaffProvider(client))
    assert client.wait_until_ready(20)
    eventually(lambda: len(events()) > 2)
    pid = ctypes.PyDLL(None).fork()
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


def test_a_child_with_flags_in_memory_has_one_bell():
    flags = MemoryClient({"on": True})
    provider = FlagstaffProvider(flags)
    api.set_provider_and_wait(provider)
    provider._begin_in_child()
    assert len(flags._bells) == 1


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
