"""Status, readiness and waiting."""

import signal
import threading
import time

import pytest

import flagstaff
from server import eventually, serving


def test_status_says_how_flags_stream_and_publisher_are(client, reader):
    for flags in (client, reader):
        status = flags.status()
        assert status.generation == flags.generation == 1
        assert status.flags == 11
        assert status.link == "open"
        assert status.publisher == "alive"
        assert status.path == "same"
        assert not status.is_stale
        assert not status.is_cold
        for age in (status.contact_age, status.link_age, status.publisher_uptime):
            assert type(age) is float
            assert 0 <= age < 60
        assert status.archive_bytes > 0
        assert (status.last_error, status.last_error_age) == (None, None)
        assert 'link="open"' in repr(status)
        assert "generation=1" in repr(status)


def test_status_of_nothing_has_no_ages(tmp_path):
    status = flagstaff.Reader(tmp_path / "no", attach=True).status()
    assert (status.generation, status.published_at, status.contact_age, status.flags) == (0, None, None, 0)
    assert (status.link, status.publisher, status.path, status.is_stale) == (
        "idle",
        "stopped",
        "missing",
        True,
    )


def test_the_last_error_is_told_with_its_age_and_stays(server, make_client):
    server.status = 503
    client = make_client(server.url, preload=True)
    eventually(lambda: client.status().last_error == "503 from the service")
    reader = flagstaff.Reader(client.path)
    server.status = 200
    assert client.wait_until_ready(20)
    for flags in (client, reader):
        status = flags.status()
        assert status.last_error == "503 from the service"
        assert type(status.last_error_age) is float
        assert 0 <= status.last_error_age < 60


def test_a_reader_without_a_file_is_a_snapshot_error_that_says_what_to_do(tmp_path):
    with pytest.raises(flagstaff.SnapshotError, match=str(tmp_path)) as caught:
        flagstaff.Reader(tmp_path / "no")
    assert isinstance(caught.value, flagstaff.FlagstaffError)
    (tmp_path / "text").write_text("no snapshot")
    with pytest.raises(flagstaff.SnapshotError):
        flagstaff.Reader(str(tmp_path / "text"))


def test_a_reader_that_attached_to_nothing_finds_the_file_when_it_comes(server, make_client, tmp_path):
    reader = flagstaff.Reader(tmp_path / "later.flagstaff", attach=True)
    assert not reader.wait_until_ready(0.01)
    client = flagstaff.Client("k", base_url=server.url, file=tmp_path / "later.flagstaff")
    assert client.get_bool("on") in (True, False)
    assert reader.wait_until_ready(20)
    assert reader.get_bool("on") is True
    client.close()


def test_ready_says_no_when_nobody_answers(make_client):
    client = make_client("http://127.0.0.1:9")
    begun = time.monotonic()
    assert client.wait_until_ready(0.05) is False
    assert client.wait_until_ready(timeout=0) is False
    assert time.monotonic() - begun < 5


def test_waiting_ends_with_the_change_and_other_threads_run_meanwhile(client, server):
    seen = client.generation
    threading.Timer(0.2, server.publish, [{"on": False}]).start()
    assert client.wait_for_change(seen, timeout=20) != seen
    assert client.get_bool("on") is False


def test_the_keys_that_changed_are_told_or_none_where_keys_came_or_went(client, reader, server):
    server.publish({"on": True, "limit": 1, "theme": "dark"})
    eventually(lambda: reader.snapshot().get("theme") == "dark")
    for flags in (client, reader):
        assert flags.changes_since(flags.generation) == (flags.generation, [])
        assert flags.changes_since(flags.generation + 1) == (flags.generation, None)
        assert flags.wait_for_changes(flags.generation, 0) == (flags.generation, [])
    seen = reader.generation
    server.publish({"on": True, "limit": 2, "theme": "light"})
    for flags in (client, reader):
        assert flags.wait_for_changes(seen, timeout=20) == (seen + 1, ["limit", "theme"])
        assert flags.get_number("limit") == 2
    server.publish({"on": True, "limit": 2, "new": None})
    for flags in (client, reader):
        assert flags.wait_for_changes(seen + 1, timeout=20) == (seen + 2, None)


def test_waiting_ends_with_its_time(client, reader):
    for flags in (client, reader):
        begun = time.monotonic()
        assert flags.wait_for_change(flags.generation, 0.25) == flags.generation
        assert 0.2 < time.monotonic() - begun < 5
        assert flags.wait_for_change(flags.generation + 1) == flags.generation
        with pytest.raises(ValueError, match="not a number"):
            flags.wait_for_change(flags.generation, float("nan"))


@pytest.mark.parametrize("call", ["wait_for_change", "wait_until_ready"])
def test_a_signal_ends_the_wait(call, make_client):
    client = make_client("http://127.0.0.1:9")
    arguments = [client.generation] if call == "wait_for_change" else []
    threading.Timer(0.3, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        getattr(client, call)(*arguments)
    assert time.monotonic() - begun < 5


def test_closing_is_quick_and_leaves_the_flags(server, make_client):
    client = make_client(server.url)
    assert client.wait_until_ready(20)
    begun = time.monotonic()
    client.close()
    client.close(timeout=1)
    assert time.monotonic() - begun < 2
    assert client.get_bool("on") is True
    eventually(lambda: server.live == 0)
    for timeout in (None, 0, -1, 1e300, float("nan"), "soon", object()):
        client.close(timeout)


def test_the_with_statement_closes(make_client):
    with serving({"on": True}) as server:
        with make_client(server.url) as client:
            assert client.wait_until_ready(20)
        eventually(lambda: server.live == 0)


def test_preload_starts_the_stream_at_once_and_its_absence_with_the_first_read(server, make_client):
    client = make_client(server.url)
    time.sleep(0.1)
    assert not server.requests
    client.get_bool("on")
    eventually(lambda: server.requests)
    client.close()
    make_client(server.url, preload=True, api_key="another")
    eventually(lambda: len(server.requests) == 2)
    assert "another" in server.requests[1]
