"""`python -m flagstaff`, beside files that the command `flagstaff` publishes."""

import json
import os
import pty
import select
import subprocess
import sys
import time

import pytest

from sample import FLAGS

BINARY = os.environ.get("FLAGSTAFF_BIN")

pytestmark = pytest.mark.skipif(
    not BINARY, reason="FLAGSTAFF_BIN names no `flagstaff` program; `cargo xtask test` builds one"
)


@pytest.fixture
def publish(tmp_path):
    def publish(flags, name="flags.flagstaff"):
        (tmp_path / "flags.json").write_text(json.dumps(flags))
        command = [BINARY, "publish", "--file", tmp_path / name, tmp_path / "flags.json"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return tmp_path / name

    return publish


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLAGSTAFF_")}
    return kept | {name: str(value) for name, value in more.items()}


def run(*arguments, **variables):
    command = [sys.executable, "-m", "flagstaff", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(**variables))


def test_status_says_the_same_as_the_reader_and_fails_its_check_when_nobody_publishes(publish):
    path = publish(FLAGS)
    shown = run("status", "--file", path)
    assert shown.returncode == 0, shown
    assert "state         may be stale" in shown.stdout
    assert f"flags         {len(FLAGS)}" in shown.stdout
    facts = json.loads(run("status", "--json", FLAGSTAFF_FILE=path).stdout)
    assert (facts["publisher"], facts["flags"], facts["is_stale"]) == ("stopped", len(FLAGS), True)
    assert run("status", "--check", "--file", path).returncode == 1


def test_get_prints_every_kind_of_value_as_json_and_says_which_flag_there_is_not(publish):
    path = publish(FLAGS)
    for key, value in FLAGS.items():
        assert json.loads(run("get", key, "--file", path).stdout) == value
    missing = run("get", "no such flag", "--file", path)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert 'no flag "no such flag" in generation 1 of' in missing.stderr


def test_without_a_name_the_only_file_of_the_cache_directory_is_meant_and_of_two_none(publish, tmp_path):
    publish({"on": True}, "a.flagstaff")
    assert run("get", "on", FLAGSTAFF_CACHE_DIR=tmp_path).stdout == "true\n"
    publish({"on": True}, "b.flagstaff")
    asked = run("get", "on", FLAGSTAFF_CACHE_DIR=tmp_path)
    assert asked.returncode == 2
    assert "2 snapshot files" in asked.stderr
    assert "b.flagstaff" in asked.stderr
    none = run("status", "--file", tmp_path / "none.flagstaff")
    assert none.returncode == 1
    assert "none.flagstaff" in none.stderr
    assert "Traceback" not in none.stderr


def test_watch_prints_what_is_added_changed_and_removed(publish):
    path = publish({"same": 1, "gone": [1], "new-type": 1})
    command = [sys.executable, "-u", "-m", "flagstaff", "watch", "--json", "--changes", "1", "--file", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as watch:
        # Until it listens: the same flags again are no change.
        deadline = time.monotonic() + 60
        while not mapped_by(watch.pid, path):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.2)
        publish({"same": 1, "new-type": 1.0, "added": None})
        lines = [json.loads(line) for line in watch.communicate(timeout=60)[0].splitlines()]
    assert [(line["key"], line["change"]) for line in lines] == [
        ("added", "added"),
        ("gone", "removed"),
        ("new-type", "changed"),
    ]
    assert lines[1]["old"] == [1]


def mapped_by(pid, path):
    with open(f"/proc/{pid}/maps") as maps:
        return any(str(path) in line for line in maps)


def test_top_shows_flags_on_a_terminal_until_it_is_interrupted_and_nothing_elsewhere(publish):
    path = publish({"dark-mode": True, "banner": "\x1b[2J"})
    refused = run("top", "--file", path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "terminal" in refused.stderr
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            sys.executable, [sys.executable, "-m", "flagstaff", "top", "--file", str(path)], environment()
        )
    seen = b""
    deadline = time.monotonic() + 60
    while b"dark-mode = true" not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
    assert b"\x1b[2J" not in seen
    # Ctrl-C
    os.write(terminal, b"\x03")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130
