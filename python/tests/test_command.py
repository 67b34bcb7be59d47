"""Beside the `flagstaff` command."""

import json
import os
import subprocess
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

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


def test_metrics_of_flags_that_an_application_publishes_are_valid_openmetrics(server, make_client, tmp_path):
    client = make_client(server.url)
    assert client.wait_until_ready(20)
    command = [BINARY, "exporter", "--listen", "127.0.0.1:0", client.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as exporter:
        try:
            url = exporter.stdout.readline().strip()

            def samples():
                with urllib.request.urlopen(f"{url}/metrics", timeout=20) as response:
                    families = text_string_to_metric_families(response.read().decode())
                return {
                    (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                    for family in families
                    for sample in family.samples
                }

            file = ("file", str(client.path))
            eventually(lambda: samples()["flagstaff_payloads_total", (file, ("result", "published"))] == 1)
            found = samples()
            assert found["flagstaff_flags", (file,)] == len(FLAGS)
            assert found["flagstaff_stale", (file,)] == 0
            assert found["flagstaff_connections_total", (file,)] == 1
            assert found["flagstaff_link_state", (file, ("state", "open"))] == 1
            assert found["flagstaff_publish_phase_seconds_count", (file, ("phase", "store"))] == 1
        finally:
            exporter.kill()


def test_an_overridden_flag_is_told_from_others_by_the_metadata_of_its_answer(publish):
    from flagstaff._evaluation import BOOLEAN, Evaluator

    path = publish(FLAGS)
    reader = flagstaff.Reader(path)
    evaluator = Evaluator(reader)
    assert "overrideReason" not in evaluator.evaluate("on", BOOLEAN, None).metadata
    change = [BINARY, "override", "--file", path]
    subprocess.run(
        [*change, "on", "false", "--for", "1h", "--reason", "INC-7"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    answer = evaluator.evaluate("on", BOOLEAN, None)
    assert (answer.value, answer.metadata["overrideReason"]) == (False, "INC-7")
    assert "overrideReason" not in evaluator.evaluate("off", BOOLEAN, None).metadata
    subprocess.run([*change, "--clear", "--all"], check=True, capture_output=True, timeout=60)
    answer = evaluator.evaluate("on", BOOLEAN, None)
    assert answer.value is True
    eventually(lambda: "overrideReason" not in evaluator.evaluate("on", BOOLEAN, None).metadata)
    # A file that is none says nothing.
    (path.parent / f".{path.name}.overrides").write_text("[1]")
    evaluator.look_again()
    assert "overrideReason" not in evaluator.evaluate("on", BOOLEAN, None).metadata
