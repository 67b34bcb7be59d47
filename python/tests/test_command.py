"""Beside the `flagstaff` command."""

import json
import os
import subprocess

import pytest

import flagstaff
from sample import FLAGS
from server import eventually

BINARY = os.environ.get("FLAGSTAFF_BIN")

pytestmark = pytest.mark.skipif(
    not BINARY, reason="FLAGSTAFF_BIN names no `flagstaff` program; `cargo xtask test` builds one"
)


@pytest.fixture
def publish(tmp_path):
    def publish(flags):
        (tmp_path / "flags.json").write_text(json.dumps(flags))
        command = [BINARY, "publish", "--file", tmp_path / "flags.flagstaff", tmp_path / "flags.json"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return tmp_path / "flags.flagstaff"

    return publish


def test_a_reader_reads_what_was_published_and_follows(publish):
    reader = flagstaff.Reader(publish(FLAGS))
    on = reader.bool_flag("on")
    assert reader.snapshot() == FLAGS
    assert on
    seen = reader.generation
    publish({"on": False})
    assert reader.wait_for_change(seen, 20) == seen + 1
    assert not on
    assert reader.status().publisher == "stopped"
    assert reader.status().is_stale


def test_a_client_is_a_reader_where_the_command_publishes(server, make_client, tmp_path):
    cache = tmp_path / "cache"
    command = [BINARY, "run", "--api-key", "test-key", "--base-url", server.url, "--cache-dir", str(cache)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as publisher:
        try:
            eventually(lambda: server.live)
            client = make_client(server.url)
            assert client.wait_until_ready(20)
            assert client.snapshot() == FLAGS
            server.publish({"on": False})
            eventually(lambda: not client.get_bool("on", True))
            assert len(server.requests) == 1
        finally:
            publisher.kill()
    # Somebody else has to do it now.
    eventually(lambda: len(server.requests) == 2)
    server.publish({"on": True})
    eventually(lambda: client.get_bool("on"))
