"""A snapshot is a mapping of one generation."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import pytest

import flagstaff
from sample import FLAGS
from server import eventually


def test_a_snapshot_is_the_mapping_that_was_sent(client):
    snapshot = client.snapshot()
    assert isinstance(snapshot, Mapping)
    assert snapshot == FLAGS
    assert snapshot == dict(snapshot.items())
    assert dict(snapshot) == {**snapshot} == FLAGS
    assert snapshot != {**FLAGS, "on": False}
    assert snapshot != 5
    assert len(snapshot) == len(FLAGS)
    assert set(snapshot) == snapshot.keys() == FLAGS.keys()
    assert snapshot.keys() & {"on", "x"} == {"on"}
    assert ("on", True) in snapshot.items()
    assert 50 in snapshot.values()
    assert type(snapshot["limit"]) is int
    assert type(snapshot["rate"]) is float
    match snapshot:
        case {"title": str(title)}:
            assert title == FLAGS["title"]
        case _:
            pytest.fail("does not match as a mapping")


def test_a_missing_key_is_a_key_error_of_that_key(client):
    snapshot = client.snapshot()
    for key in ("missing", None, 5, "\ud800", []):
        with pytest.raises(KeyError) as caught:
            snapshot[key]
        assert caught.value.args == (key,)
        assert key not in snapshot
        assert snapshot.get(key) is None
        assert snapshot.get(key, "d") == "d"
    assert snapshot.get("nothing", "d") is None


def test_a_snapshot_does_not_change_and_outlives_its_client(client, server):
    with client.snapshot() as flags:
        generation = flags.generation
        server.publish({"on": False})
        eventually(lambda: client.generation != generation)
        assert flags["on"] is True
        assert flags.generation == generation
    assert client.snapshot() == {"on": False}
    assert client.snapshot() != flags
    with pytest.raises(TypeError):
        flags["on"] = 1
    with pytest.raises(TypeError):
        hash(flags)


def test_values_are_fresh_objects(client):
    snapshot = client.snapshot()
    snapshot["list"].append(4)
    assert snapshot["list"] == [1, 2, 3]


def test_it_knows_when_it_was_published(client):
    published_at = client.snapshot().published_at
    assert published_at.tzinfo is timezone.utc
    assert abs(datetime.now(timezone.utc) - published_at) < timedelta(minutes=1)
    assert client.status().published_at == published_at


def test_a_snapshot_of_nothing_is_empty(tmp_path):
    snapshot = flagstaff.Reader(tmp_path / "no", attach=True).snapshot()
    assert snapshot == {}
    assert (len(snapshot), snapshot.generation, snapshot.published_at) == (0, 0, None)
    assert repr(snapshot) == "<flagstaff.Snapshot generation=0 flags=0>"
