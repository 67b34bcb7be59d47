"""Getters answer, whatever they are asked."""

import copy
import sys

import pytest

import flagstaff
from sample import FLAGS
from server import eventually

GETTERS = ("get_bool", "get_flag", "get_number", "get_string", "get_json")


class Text(str):
    """A key that cannot be hashed."""

    __hash__ = None


class Hostile:
    """Everything about it raises."""

    def _raise(self, *_):
        raise RuntimeError("hostile")

    __hash__ = __eq__ = __bool__ = __str__ = __repr__ = __float__ = __index__ = __len__ = __iter__ = _raise


NASTY_KEYS = [
    None,
    True,
    0,
    -1,
    1.5,
    b"on",
    bytearray(b"on"),
    [],
    {},
    set(),
    (),
    object(),
    Hostile(),
    Hostile,
    "",
    "\0",
    "on\0",
    "\ud800",
    "on\udfff",
    "🎏" * 100,
    "x" * 1_000_000,
    "é" * 47,
    Text("missing"),
    print,
    sys,
    NotImplemented,
    ...,
]
NASTY_DEFAULTS = [*NASTY_KEYS, False, float("nan"), 10**400, "default"]


@pytest.mark.parametrize("kind", ["client", "reader", "attached to nothing"])
def test_getters_answer_the_default_as_it_was_given_for_any_key(kind, client, tmp_path):
    flags = {
        "client": lambda: client,
        "reader": lambda: flagstaff.Reader(client.path),
        "attached to nothing": lambda: flagstaff.Reader(tmp_path / "no", attach=True),
    }[kind]()
    for name in GETTERS:
        getter = getattr(flags, name)
        for key in NASTY_KEYS:
            getter(key)
            for default in NASTY_DEFAULTS:
                assert getter(key, default) is default
                assert getter(key, default=default) is default


def test_getters_answer_the_default_for_a_flag_of_another_type(client):
    fitting = {
        "get_bool": {"on", "off"},
        "get_flag": {"on", "off"},
        "get_number": {"limit", "rate", "negative", "big"},
        "get_string": {"title", "empty"},
        "get_json": {"rules", "list"},
    }
    for name, keys in fitting.items():
        for key in client.snapshot():
            default = object()
            answer = getattr(client, name)(key, default)
            assert (answer is not default) == (key in keys), (name, key)


def test_a_text_that_cannot_be_hashed_is_a_key(client):
    assert client.get_bool(Text("on")) is True


def test_the_answer_for_a_false_flag_is_not_the_default(client):
    assert client.get_bool("off", True) is False
    assert client.get_bool("off", 1) is False
    assert client.get_bool("off", None) is False
    assert client.get_bool("on", 0) is True


def test_a_number_is_a_float(client):
    for key, value in (("limit", 50.0), ("rate", 0.25), ("negative", -3.0), ("big", 2.0**60)):
        answer = client.get_number(key)
        assert type(answer) is float
        assert answer == value


def test_numbers_that_no_float_holds_are_the_default(client, server):
    digits = "9" * 401
    server.publish(f'{{"digits":{digits},"exponent":1e999,"minus":-1e999,"nested":[{"9" * 5000}],"ok":true}}')
    eventually(lambda: client.get_bool("ok"))
    for key in ("digits", "exponent", "minus"):
        assert client.get_number(key, 7) == 7
    # More digits than the interpreter turns into a number.
    assert client.get_json("nested", "default") == "default"
    snapshot = client.snapshot()
    assert snapshot["digits"] == int(digits)
    assert snapshot["exponent"] == float("inf")


def test_json_is_fresh_with_every_call(client):
    first = client.get_json("rules")
    untouched = copy.deepcopy(first)
    first["a"].append("mine")
    assert client.get_json("rules") == untouched


def test_json_answers_with_little_stack_left(server, tmp_path, run):
    # In a program of its own: the test framework does not like to be near the end of the stack.
    code = """if 1:
        import sys, flagstaff
        client = flagstaff.Client("k", base_url=sys.argv[1], cache_directory=sys.argv[2])
        assert client.wait_until_ready(20)
        answers = set()
        def dive(left):
            if left:
                return dive(left - 1)
            return repr(client.get_json("rules", "default"))
        for left in range(sys.getrecursionlimit() - 20, sys.getrecursionlimit()):
            try:
                answers.add(dive(left))
            except RecursionError as error:
                assert "get_json" not in str(error)
        print(len(answers))
    """
    assert run(code, server.url, tmp_path) in ("1\n", "2\n")


def test_a_getter_can_be_taken_off_its_object_and_knows_its_class(client, reader):
    getter = flagstaff.Client.get_bool
    assert getter(client, "on") is True
    with pytest.raises(TypeError):
        getter(reader, "on")
    assert [*map(client.get_bool, ("on", "off", "on"))] == [True, False, True]


def test_references_are_counted_right(client):
    default = object()
    before = sys.getrefcount(default), sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(1000):
        client.get_bool("missing", default)
        client.get_bool("missing", default=default)
        client.get_string("missing", default)
        client.get_number("missing", default_value=default)
        client.get_json("missing")
        client.get_bool("on")
    after = sys.getrefcount(default), sys.getrefcount(None), sys.getrefcount(True)
    assert all(abs(new - old) < 100 for new, old in zip(after, before, strict=True)), (before, after)


def test_many_flags_are_read_at_once_in_the_order_of_their_keys(client, reader):
    for flags in (client, reader):
        keys = [*FLAGS, "missing", *reversed(FLAGS), "k" * 100]
        expected = [FLAGS.get(key) for key in keys]
        assert flags.get_many(keys) == flags.get_many(tuple(keys)) == flags.get_many(iter(keys)) == expected
        assert flags.get_many([]) == []
        assert flags.get_many(dict.fromkeys(keys)) == [FLAGS.get(key) for key in dict.fromkeys(keys)]
        # What is no key is no flag, as for the other getters.
        assert flags.get_many([None, 1, b"on", "\ud800", *keys]) == [None] * 4 + expected
        with pytest.raises(TypeError):
            flags.get_many(5)


def test_json_of_many_flags_is_fresh_and_what_an_iterator_raises_is_raised(client):
    def keys():
        yield "on"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        client.get_many(keys())
    for key, value in FLAGS.items():
        if isinstance(value, (dict, list)):
            [one], [other] = client.get_many([key]), client.get_many([key])
            assert one == other == value
            assert one is not other
