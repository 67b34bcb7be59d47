"""Flags in tests: the client in memory is a client, and what a test changes is undone."""

import asyncio
import inspect
import json
import os
import random
import subprocess
import sys
import threading
from importlib.util import find_spec

import pytest

import flagstaff
from flagstaff import _memory, testing
from flagstaff.testing import MemoryClient, in_memory, override
from sample import FLAGS
from server import eventually

GETTERS = ("get_bool", "get_flag", "get_number", "get_string", "get_json")
HANDLES = ("bool_flag", "number_flag", "string_flag", "json_flag")
# What a test may be given that is no flag's key.
ODD_KEYS = (None, 5, b"on", [], {}, object(), "", "\0", "\ud800", "missing")


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def needs(*modules):
    missing = [module for module in modules if find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}; see tests/requirements.txt")


@pytest.mark.parametrize(
    ("ours", "real"),
    [
        (MemoryClient, flagstaff.Client),
        (MemoryClient, flagstaff.Reader),
        (_memory.MemorySnapshot({}, 0, None, id), flagstaff.Snapshot),
        (MemoryClient().status(), flagstaff.Status),
        (_memory.MemoryChanges(MemoryClient().snapshot(), MemoryClient().snapshot()), flagstaff.Changes),
        (_memory.MemoryChange("k", 1, 2), flagstaff.Change),
        (MemoryClient().bool_flag("k"), flagstaff.BoolFlag),
        (MemoryClient().json_flag("k"), flagstaff.JsonFlag),
    ],
    ids=lambda kind: getattr(kind, "__name__", ""),
)
def test_what_is_in_memory_has_all_that_the_real_one_has(ours, real):
    assert public(real) - public(ours) == set()
    for name in public(real):
        method = getattr(real, name)
        if callable(method) and isinstance(ours, type):
            assert list(inspect.signature(method).parameters) == list(
                inspect.signature(getattr(ours, name)).parameters
            ), name
    if ours is MemoryClient:
        assert public(ours) - public(flagstaff.Client) == {"set", "delete", "override", "set_status"}


def answers(flags, keys):
    """All that a client says about these keys, as texts: 1 is not True there."""
    said = {}
    for key in keys:
        for name in GETTERS:
            getter = getattr(flags, name)
            said[name, repr(key)] = [
                repr(getter(key)),
                repr(getter(key, "given")),
                repr(getter(flag_key=key, default_value=7)),
            ]
        said["snapshot", repr(key)] = [repr(flags.snapshot().get(key, "given")), key in flags.snapshot()]
        if isinstance(key, str):
            for name in HANDLES:
                flag = getattr(flags, name)(key)
                said[name, key] = [repr(flag.get()), bool(flag), flag.key, repr(flag.default)]
    return said


def test_every_answer_is_that_of_a_real_client(make_client, server):
    client = make_client(server.url, guard=None)
    assert client.wait_until_ready(20)
    odd = object()
    wild = {
        **FLAGS,
        "exact": 2**53 + 1,
        "beyond": 2**64,
        "minus": -(2**63) - 1,
        "tiny": 5e-324,
        "minus zero": -0.0,
        "deep": [[[{}]]],
    }
    for flags in (FLAGS, wild, {}):
        server.publish(flags)
        eventually(lambda flags=flags: len(client.snapshot()) == len(flags))
        memory = MemoryClient(flags)
        keys = [key for key in [*wild, *ODD_KEYS] if type(key) is not object]
        assert answers(memory, keys) == answers(client, keys)
        assert memory.get_bool(odd, odd) is client.get_bool(odd, odd) is odd
        assert dict(memory.snapshot()) == dict(client.snapshot())
        assert memory.snapshot() == client.snapshot()
        assert sorted(memory.snapshot()) == sorted(client.snapshot())
    for call in (
        "get_bool()",
        "get_bool('k', 1, 2)",
        "get_bool('k', key='k')",
        "get_bool('k', other=1)",
        "bool_flag(5)",
        "bool_flag('k', 'x')",
    ):
        for flags in (memory, client):
            with pytest.raises(TypeError):
                eval(f"flags.{call}", {"flags": flags})


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), b"x", {"a": object()}])
def test_what_no_payload_can_hold_is_refused(value):
    flags = MemoryClient({"k": 1})
    for call in (
        lambda: flags.set("k", value),
        lambda: flags.override("k", value),
        lambda: MemoryClient({"k": value}),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
    with pytest.raises(TypeError):
        flags.set(5, 1)
    assert flags.get_number("k") == 1


def test_overrides_end_in_any_order_and_leave_what_was_there():
    flags = MemoryClient({"a": 1, "b": 1})
    layers = [flags.override("a", 2), flags.override({"a": 3, "c": [1]}), flags.override("a", 3)]
    for layer in layers:
        layer.__enter__()
    assert (flags.get_number("a"), flags.get_json("c")) == (3, [1])
    layers[1].__exit__()
    assert (flags.get_number("a"), flags.get_json("c")) == (3, None)
    layers[2].__exit__()
    assert flags.get_number("a") == 2
    flags.set("a", 9)
    assert flags.get_number("a") == 2
    layers[0].__exit__()
    assert dict(flags.snapshot()) == {"a": 9, "b": 1}
    with pytest.raises(RuntimeError, match="own"), flags.override("a", 5):
        raise RuntimeError("its own")
    assert flags.get_number("a") == 9


def test_a_random_stack_of_overrides_answers_what_the_newest_says():
    chance = random.Random(15)
    flags, layers = MemoryClient({"a": 0}), []
    for step in range(300):
        if layers and chance.random() < 0.5:
            layers.pop(chance.randrange(len(layers)))[0].__exit__()
        else:
            layers.append((flags.override(chance.choice("ab"), step), step))
            layers[-1][0].__enter__()
        expected = {"a": 0}
        for layer, _ in layers:
            expected.update(layer._values)
        assert dict(flags.snapshot()) == expected


def test_a_decorator_works_on_functions_coroutines_generators_and_classes():
    with in_memory({"on": False}) as flags:

        @override("on", True)
        def read(more):
            """Its text."""
            return flags.get_bool("on"), more

        @flags.override("on", True)
        async def wait():
            await asyncio.sleep(0)
            return flags.get_bool("on")

        @override({"on": True})
        def generate():
            yield flags.get_bool("on")

        @override("on", True)
        class Tests:
            def test_it(self):
                return flags.get_bool("on")

            def helper(self):
                return flags.get_bool("on")

        assert read(more=1) == (True, 1)
        assert (read.__name__, read.__doc__, list(inspect.signature(read).parameters)) == (
            "read",
            "Its text.",
            ["more"],
        )
        assert asyncio.run(wait()) is True
        assert list(generate()) == [True]
        assert (Tests().test_it(), Tests().helper()) == (True, False)
        assert flags.get_bool("on") is False
    with pytest.raises(RuntimeError, match="in_memory"):
        read(1)


def test_an_application_gets_the_client_in_memory_where_it_makes_its_own():
    real = (flagstaff.create_soasap_client, flagstaff.Client, flagstaff.Reader)
    with in_memory({"on": True}) as flags:
        made = [
            flagstaff.create_soasap_client(api_key="k"),
            flagstaff.Client("k", preload=True),
            flagstaff.Reader("/no/such/file"),
        ]
        assert all(client is flags for client in made)
        assert isinstance(flags, flagstaff.Client)
        assert isinstance(flags, flagstaff.FlagReader)
    assert real == (flagstaff.create_soasap_client, flagstaff.Client, flagstaff.Reader)


def test_changes_are_told_before_set_returns_and_wake_who_waits():
    flags = MemoryClient({"on": True, "limit": 1})
    told = []
    flags.on_change(lambda changes: 1 / 0)
    flags.on_change(
        lambda changes: told.append(
            (changes.keys, [(c.key, c.old, c.new) for c in changes], changes.generation)
        )
    )
    flags.set({"on": 1, "limit": 1})
    assert told == [(("on",), [("on", True, 1)], 2)]
    flags.set("on", 1)
    assert len(told) == 1
    waiting = threading.Thread(target=flags.wait_for_change, args=(flags.generation, 20))
    waiting.start()
    flags.set("on", 2)
    waiting.join(20)
    assert not waiting.is_alive()

    async def main():
        wait = asyncio.ensure_future(flags.wait_for_change_async(timeout=20))
        changes = flags.changes()
        first = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        await asyncio.to_thread(flags.set, "on", 3)
        return await wait, (await first).keys, await flags.wait_for_change_async(timeout=0)

    generation, keys, same = asyncio.run(main())
    assert generation == same == flags.generation
    assert keys == ("on",)


def test_changes_since_a_generation_are_known_for_a_while():
    flags = MemoryClient({"a": 1, "b": 1, "c": 1})
    seen = flags.generation
    assert flags.changes_since(seen) == (seen, [])
    flags.set("b", 2)
    flags.set({"c": 2, "b": 2})
    assert flags.changes_since(seen) == flags.wait_for_changes(seen, 0) == (3, ["b", "c"])
    # Other keys, or a generation that never was: it is not known, as in a client.
    assert flags.changes_since(0) == flags.changes_since(99) == (3, None)
    for turn in range(_memory._HISTORY):
        flags.set("a", turn)
    assert flags.changes_since(seen)[1] is None


def test_a_test_may_say_that_flags_are_stale():
    flags = MemoryClient({"on": True})
    assert flags.wait_until_ready(0)
    flags.set_status(is_stale=True, link="retrying")
    assert (flags.status().is_stale, flags.status().link, flags.wait_until_ready(0)) == (
        True,
        "retrying",
        False,
    )
    with pytest.raises(TypeError):
        flags.set_status(no_such=1)
    flags.set_status()
    assert flags.wait_until_ready(0)


@needs("flask")
def test_with_the_test_client_of_flask():
    import flask

    flags = MemoryClient({"on": False})
    app = flask.Flask(__name__)
    app.get("/")(lambda: str(flags.get_bool("on")))
    with flags.override("on", True):
        assert app.test_client().get("/").text == "True"
    assert app.test_client().get("/").text == "False"


@needs("django")
def test_with_the_test_clients_of_django(run):
    code = """if 1:
        import asyncio, django
        from django.conf import settings
        from django.http import HttpResponse
        from django.urls import path
        from flagstaff.testing import MemoryClient
        flags = MemoryClient({"on": False})
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"])
        django.setup()
        from django.test import AsyncClient, Client, SimpleTestCase
        urlpatterns = [path("", lambda request: HttpResponse(str(flags.get_bool("on"))))]
        class Tests(SimpleTestCase):
            @flags.override("on", True)
            def test_on(self):
                print(self.client.get("/").content, asyncio.run(AsyncClient().get("/")).content)
            def test_then_off(self):
                print(self.client.get("/").content)
        import unittest
        unittest.main(argv=["x"])
    """
    assert run(code) == "b'True' b'True'\nb'False'\n"


@needs("freezegun")
def test_with_time_that_stands_still():
    from freezegun import freeze_time

    with freeze_time("2026-01-02 03:04:05"):
        flags = MemoryClient({"on": True})
        assert flags.snapshot().published_at.isoformat() == "2026-01-02T03:04:05+00:00"
        assert flags.status().published_at == flags.snapshot().published_at
        # The time of a wait passes all the same.
        assert flags.wait_for_change(flags.generation, 0.01) == 1
        assert flags.wait_for_changes(flags.generation, 0.01) == (1, [])


SUITE = {
    "shop.py": """
from flagstaff import create_soasap_client
flags = create_soasap_client(api_key="k")
checkout = flags.bool_flag("new-checkout")
def buy():
    return bool(checkout), flags.get_number("cart-limit", 50), flags.snapshot().get("bannner", "")
""",
    "conftest.py": "import shop",
    "test_shop.py": """
import pytest, shop
from flagstaff.testing import override
@pytest.mark.parametrize("turn", range(4))
def test_as_committed(turn):
    assert shop.buy()[0] is True
def test_changed(flagstaff_flags):
    flagstaff_flags.set("new-checkout", False)
    assert shop.buy()[0] is False
@override("new-checkout", False)
def test_decorated():
    assert shop.buy()[0] is False
def test_as_committed_again():
    assert shop.buy()[0] is True
""",
}


@pytest.fixture
def suite(tmp_path):
    for name, text in SUITE.items():
        (tmp_path / name).write_text(text)

    def suite(flags, *arguments):
        (tmp_path / "flags.json").write_text(json.dumps(flags))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(
            command,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": ""},
        )

    return suite


GOOD = {"new-checkout": True, "cart-limit": 20, "bannner": "Sale"}


def test_a_session_reads_the_committed_flags_and_each_test_leaves_them_as_they_were(suite):
    done = suite(GOOD, "--flagstaff-strict", "flags.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed" in done.stdout
    assert "missing" not in done.stdout


@pytest.mark.parametrize(
    "more", [(), pytest.param(("-n", "2"), marks=needs("xdist"))], ids=["one process", "workers of xdist"]
)
def test_a_strict_session_fails_for_keys_that_the_file_lacks(suite, more):
    done = suite({"new-checkout": True, "cart-limit": 20}, "--flagstaff-strict", "flags.json", *more)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "7 passed" in done.stdout
    assert "'bannner', first in test_shop.py::test_" in done.stdout
    assert "'new-checkout'" not in done.stdout


def test_a_flag_file_that_is_none_is_told_in_one_line(suite):
    for flags, name in (([1], "flags.json"), ({}, "no-such.json")):
        done = suite(flags, "--flagstaff-flags", name)
        assert done.returncode == 4, done.stdout + done.stderr
        assert "the flags cannot be read" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_fixture_is_a_client_of_its_own_without_options(flagstaff_flags):
    assert isinstance(flagstaff_flags, MemoryClient)
    assert dict(flagstaff_flags.snapshot()) == {}
    assert testing._installed == []
