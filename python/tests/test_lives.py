"""Objects that live on while the file grows, is made anew, or the process forks."""

import os

import pytest

import flagstaff
from server import eventually

LONG = "k" * 60


# A reader that was opened on a small file took a long key of a larger one for a flag that is missing, and stayed with that.
@pytest.mark.parametrize("kind", ["client", "reader", "attached reader"])
def test_what_was_opened_on_one_flag_finds_a_long_key_among_hundreds(kind, server, make_client):
    server.publish({"on": True})
    client = make_client(server.url)
    assert client.wait_until_ready(20)
    flags = {
        "client": lambda: client,
        "reader": lambda: flagstaff.Reader(client.path),
        "attached reader": lambda: flagstaff.Reader(client.path, attach=True),
    }[kind]()
    handle = flags.bool_flag(LONG)
    before = flags.snapshot()
    assert (flags.get_bool("on"), flags.get_bool(LONG), handle.get()) == (True, False, False)
    server.publish({**{f"flag-{number}": "x" * 100 for number in range(400)}, LONG: True})
    assert flags.wait_for_change(before.generation, 20) > before.generation
    assert flags.get_bool(LONG) is True
    assert handle.get() is True
    assert flags.snapshot()[LONG] is True
    assert flags.get_string("flag-399") == "x" * 100
    assert dict(before) == {"on": True}


def test_every_object_follows_a_file_that_is_made_anew_and_so_does_a_child(server, make_client):
    server.publish({"n": 1, "text": "one", "on": False, "json": [1]})
    client = make_client(server.url)
    assert client.wait_until_ready(20)
    reader = flagstaff.Reader(client.path)
    objects = [
        (
            flags,
            flags.bool_flag("on"),
            flags.number_flag("n"),
            flags.string_flag("text"),
            flags.json_flag("json"),
        )
        for flags in (client, reader)
    ]

    def seen():
        return [
            (flags.get_number("n"), on.get(), n.get(), text.get(), json.get(), flags.snapshot()["n"])
            for flags, on, n, text, json in objects
        ]

    assert seen() == [(1, False, 1, "one", [1], 1)] * 2
    # Its publisher lives, and makes it anew.
    os.unlink(client.path)
    eventually(lambda: os.path.exists(client.path))
    server.publish({"n": 2, "text": "two", "on": True, "json": [2]})
    expected = [(2, True, 2, "two", [2], 2)] * 2
    eventually(lambda: seen() == expected)
    pid = os.fork()
    if pid == 0:
        # No cleanup of pytest in here.
        os._exit(0 if seen() == expected else 1)
    assert os.waitpid(pid, 0)[1] == 0
