"""Handles follow their flag."""

import gc
import weakref

import pytest

import flagstaff
from server import eventually


def test_handles_answer_what_the_flags_are_now(client, server):
    on = client.bool_flag("on")
    limit = client.number_flag("limit")
    title = client.string_flag("title")
    rules = client.json_flag("rules")
    assert (on.get(), bool(on), limit.get(), title.get()) == (True, True, 50.0, "Grüße 🎏")
    assert rules.get() == client.get_json("rules")
    assert rules.get() is not rules.get()
    server.publish({"on": False, "limit": 7, "title": "", "rules": []})
    eventually(lambda: not on)
    assert (on.get(), limit.get(), title.get(), rules.get()) == (False, 7.0, "", [])
    assert [bool(flag) for flag in (limit, title, rules)] == [True, False, False]


def test_a_default_stands_for_a_flag_that_is_missing_or_of_another_type(client):
    for make, own in (
        (client.number_flag, 0),
        (client.string_flag, ""),
        (client.json_flag, None),
    ):
        given = object()
        for key in ("missing", "on"):
            assert make(key).get() == own
            assert make(key, default=given).get() is given
            assert make(key, None).get() is None
    assert client.bool_flag("missing", default=True).get() is True
    assert client.bool_flag("limit").get() is False
    with pytest.raises(TypeError):
        client.bool_flag("missing", default="yes")
    with pytest.raises(TypeError):
        client.bool_flag(5)


def test_a_handle_says_what_it_is(client):
    flag = client.bool_flag("on", default=True)
    assert (flag.key, flag.default) == ("on", True)
    assert repr(flag) == '<flagstaff.BoolFlag "on">'
    assert repr(client.json_flag("rules")) == '<flagstaff.JsonFlag "rules">'


def test_a_handle_keeps_its_client_alive(server, make_client, tmp_path):
    client = flagstaff.Client("k", base_url=server.url, cache_directory=tmp_path)
    gone = weakref.ref(client)
    flag = client.bool_flag("on")
    del client
    gc.collect()
    eventually(flag.get)
    server.publish({"on": False})
    eventually(lambda: not flag.get())
    flag = None
    assert gone() is None


def test_handles_of_a_reader_follow_the_publisher(client, server):
    on = flagstaff.Reader(client.path).bool_flag("on")
    assert on
    server.publish({"other": 1})
    eventually(lambda: not on)


# `bool_flag` raised for such a key, which the getters and the SDK take for one of a flag that is missing.
@pytest.mark.parametrize("kind", ["client", "reader"])
def test_a_key_that_no_flag_can_have_has_a_handle_that_answers_its_default(kind, client, reader):
    flags = {"client": client, "reader": reader}[kind]
    for key in ("\ud800", "on\udfff"):
        assert flags.bool_flag(key).get() is False
        assert flags.bool_flag(key, True).get() is True
        assert bool(flags.bool_flag(key, True)) is True
        assert flags.number_flag(key).get() == 0
        assert flags.number_flag(key, 2.5).get() == 2.5
        assert flags.string_flag(key, "x").get() == "x"
        assert flags.json_flag(key, [1]).get() == [1]
        assert flags.json_flag(key).key == key
        assert ascii(key) in ascii(flags.bool_flag(key))
