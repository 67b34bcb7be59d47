"""What callbacks and the log are told."""

import gc
import logging
import threading
import time
import weakref
from datetime import datetime, timedelta, timezone

import pytest

import flagstaff
from flagstaff import _background
from server import eventually


def test_trouble_with_the_network_reaches_the_handler_with_the_sdks_context(server, make_client):
    told = []
    server.status = 401
    make_client(server.url, preload=True, on_error=told.append)
    context = eventually(lambda: told and told[0])
    assert isinstance(context, flagstaff.SoasapErrorContext)
    assert isinstance(context.exception, flagstaff.NetworkError)
    assert "401" in str(context.exception)
    assert context.source is flagstaff.SoasapErrorSource.NETWORK
    assert context.is_transient is False
    assert context.timestamp.tzinfo is timezone.utc
    assert abs(datetime.now(timezone.utc) - context.timestamp) < timedelta(minutes=1)


def test_a_refused_connection_is_transient(make_client):
    told = []
    make_client("http://127.0.0.1:9", preload=True, on_error=told.append)
    context = eventually(lambda: told and told[0])
    assert context.is_transient is True
    assert "efused" in str(context.exception)


def test_a_bad_payload_reaches_the_handler_and_flags_stay(server, client, make_client):
    client.close()
    told = []
    client = make_client(server.url, on_error=told.append)
    assert client.wait_until_ready(20)
    server.publish("[1, 2]")
    context = eventually(lambda: told and told[0])
    assert context.source == "parser"
    assert isinstance(context.exception, flagstaff.ParserError)
    assert client.get_bool("on") is True


def test_a_busy_handler_hears_how_many_errors_it_missed(server, make_client):
    told = []
    go = threading.Event()

    def handler(context):
        told.append(str(context.exception))
        go.wait(20)

    client = make_client(server.url, on_error=handler)
    assert client.wait_until_ready(20)
    # More than the 64 that wait; the server leaves out some that come too quickly one after the other.
    for turn in range(200):
        server.publish(f"[{turn}]")
        time.sleep(0.005)
    server.publish({"on": False})
    eventually(lambda: not client.get_bool("on", True))
    go.set()
    eventually(lambda: any("were not told" in text for text in told))


def test_a_directory_that_cannot_be_made_reaches_the_handler_and_flags_come(server, make_client, tmp_path):
    told = []
    (tmp_path / "file").touch()
    client = flagstaff.Client(
        "k",
        base_url=server.url,
        cache_directory=tmp_path / "file" / "below",
        memory_directory=tmp_path / "memory",
        on_error=told.append,
    )
    assert client.wait_until_ready(20)
    assert client.get_bool("on") is True
    assert eventually(lambda: told and told[0]).source == "disk"
    assert isinstance(told[0].exception, flagstaff.DiskError)
    client.close()


def test_a_handler_that_raises_is_logged_and_called_again(server, make_client, caplog):
    told = []

    def handler(context):
        told.append(context)
        raise (ValueError, SystemExit)[len(told) % 2]("from the handler")

    client = make_client(server.url, on_error=handler)
    assert client.wait_until_ready(20)
    with caplog.at_level(logging.ERROR, "flagstaff"):
        server.publish("[1]")
        eventually(lambda: len(told) == 1)
        server.publish("[2]")
        eventually(lambda: len(told) == 2)
        eventually(lambda: caplog.text.count("the error handler raised") == 2)
    server.publish({"on": False})
    eventually(lambda: not client.get_bool("on"))


def test_a_handler_may_use_the_client_and_close_it(server, make_client):
    done = threading.Event()

    def handler(context):
        client.get_bool("on")
        client.close()
        done.set()

    client = make_client(server.url, on_error=handler)
    assert client.wait_until_ready(20)
    server.publish("[1]")
    assert done.wait(20)


def test_changes_are_told_flag_by_flag(client, server):
    told = []
    client.on_change(lambda changes: 1 / 0)
    client.on_change(told.append)
    server.publish({"on": False, "new": [1]})
    changes = eventually(lambda: told and told[0])
    by_key = {change.key: (change.old, change.new) for change in changes}
    assert by_key["on"] == (True, False)
    assert by_key["new"] == (None, [1])
    assert by_key["limit"] == (50, None)
    assert "off" in changes.keys
    assert list(changes.keys) == sorted(by_key)
    assert len(changes) == len(by_key)
    assert changes.generation == changes.new.generation == client.generation
    assert changes.old["on"] is True
    assert "'on'" in repr(changes) or '"on"' in repr(changes)
    assert "True -> False" in "".join(map(repr, changes))


def test_a_client_that_its_own_handler_refers_to_is_collected(server, tmp_path):
    class App:
        def __init__(self):
            self.client = flagstaff.Client(
                "k", base_url=server.url, cache_directory=tmp_path, preload=True, on_error=self.report
            )
            self.client.on_change(self.changed)
            self.flag = self.client.bool_flag("on")

        def report(self, context):
            pass

        def changed(self, changes):
            pass

    app = App()
    assert app.client.wait_until_ready(20)
    gone = weakref.ref(app.client)
    del app
    gc.collect()
    assert gone() is None
    eventually(lambda: server.live == 0)


def test_lines_of_the_rust_side_reach_the_logger(server, make_client, caplog):
    with caplog.at_level(logging.INFO, "flagstaff"):
        client = make_client(server.url)
        assert client.wait_until_ready(20)
        eventually(lambda: any(record.getMessage().startswith("published") for record in caplog.records))
        server.status = 503
        server.drop_connections()
        eventually(lambda: any(record.levelno == logging.WARNING for record in caplog.records))
    assert {record.name for record in caplog.records} == {"flagstaff"}
    assert "test-key" not in caplog.text


def test_a_log_handler_that_blocks_or_raises_holds_up_nobody(server, make_client):
    stuck = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record):
            stuck.wait(20)
            raise ValueError("from the log handler")

    logger = logging.getLogger("flagstaff")
    handler = Handler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        client = make_client(server.url)
        assert client.wait_until_ready(20)
        server.publish({"on": False})
        eventually(lambda: not client.get_bool("on"))
        begun = time.monotonic()
        client.close()
        assert time.monotonic() - begun < 2
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        stuck.set()


def test_nothing_is_printed_by_a_program_that_does_not_log(run):
    code = """if 1:
        import sys, time, tempfile, flagstaff, logging
        c = flagstaff.Client("k", base_url="http://127.0.0.1:9", cache_directory=tempfile.mkdtemp(), preload=True)
        time.sleep(0.3)
        print(c.get_bool("x"))
    """
    assert run(code) == "False\n"
    assert run.stderr == ""


WRONG_KEY = """if 1:
    import sys, tempfile, time
    {before}
    import flagstaff
    told = []
    clients = [
        flagstaff.create_soasap_client(
            api_key=f"wrong{{number}}",
            base_url=sys.argv[1],
            cache_directory=tempfile.mkdtemp(),
            preload=True,
            on_error=told.append,
        )
        for number in range(3)
    ]
    deadline = time.monotonic() + 20
    while len(told) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(told) >= 3
"""


# A wrong key was silent: the logger had a handler that drops everything, so that only those who had set up logging heard of it.
@pytest.mark.parametrize("before", ["pass", "import logging"], ids=["without logging", "with logging"])
def test_a_wrong_key_says_so_in_one_line_where_no_log_is_set_up(before, server, run):
    server.status = 401
    run(WRONG_KEY.format(before=before), server.url)
    (line,) = run.stderr.splitlines()
    assert line.startswith("flagstaff: ")
    assert "401" in line
    assert "wrong" not in line


@pytest.mark.parametrize(
    "before",
    [
        "import logging; logging.getLogger('flagstaff').addHandler(logging.NullHandler())",
        "import logging; logging.getLogger('flagstaff').setLevel(logging.CRITICAL)",
        "import logging; logging.lastResort = None",
    ],
    ids=["by a handler", "by the level", "by having no last resort"],
)
def test_the_line_about_a_wrong_key_is_silenced_as_every_other_of_logging(before, server, run):
    server.status = 401
    run(WRONG_KEY.format(before=before), server.url)
    assert run.stderr == ""


def test_the_line_about_a_wrong_key_goes_to_the_log_once_it_is_set_up(server, run):
    server.status = 401
    before = "import logging; logging.basicConfig(level=logging.ERROR, format='%(name)s %(levelname)s %(message)s')"
    run(WRONG_KEY.format(before=before), server.url)
    lines = run.stderr.splitlines()
    assert lines
    assert all(line.startswith("flagstaff ERROR no stream") and "401" in line for line in lines)


def test_errors_without_a_log_are_printed_once_a_minute(monkeypatch, capsys):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(_background, "_last_resort_at", [])
    for seconds in (0, 1, 59, 60, 61, 119, 121):
        now[0] = 1000.0 + seconds
        _background._print_as_last_resort(None, f"at {seconds}")
    assert capsys.readouterr().err == "at 0\nat 60\nat 121\n"


@pytest.mark.parametrize("bad", [5, "text", 0, False])
def test_a_handler_that_cannot_be_called_is_a_type_error_at_once(bad, make_client):
    kind = type(bad).__name__
    with pytest.raises(TypeError, match=f"on_error is a {kind}, expected a function"):
        make_client("http://127.0.0.1:9", on_error=bad)
    with pytest.raises(TypeError, match=f"on_error is a {kind}, expected a function"):
        flagstaff.create_soasap_client(flagstaff.SoasapClientOptions("k", on_error=bad))
    client = make_client("http://127.0.0.1:9")
    with pytest.raises(TypeError, match=f"callback is a {kind}, expected a function"):
        client.on_change(bad)


# The SDK hands out what `socket`, `urllib` and `json` raise, so that this is what handlers look for.
def test_exceptions_are_also_what_users_of_the_sdk_look_for():
    for kind, base in (
        (flagstaff.NetworkError, OSError),
        (flagstaff.DiskError, OSError),
        (flagstaff.ParserError, ValueError),
    ):
        error = kind("what happened: why")
        assert isinstance(error, (base, flagstaff.FlagstaffError))
        assert isinstance(error, base)
        assert isinstance(error, flagstaff.FlagstaffError)
        assert str(error) == "what happened: why"


def test_a_client_made_before_a_fork_calls_back_in_the_child(server, tmp_path, start):
    code = """if 1:
        import os, sys, threading, flagstaff
        told = threading.Event()
        def tell(changes):
            os.write(1, b"told in the child\\n" if os.getpid() != parent else b"told in the parent\\n")
            told.set()
        parent = os.getpid()
        client = flagstaff.Client("k", base_url=sys.argv[1], cache_directory=sys.argv[2])
        client.on_change(tell)
        assert client.wait_until_ready(20)
        assert told.wait(20)
        told.clear()
        pid = os.fork()
        if pid == 0:
            client.get_bool("on")
            os.write(1, b"forked\\n")
            assert told.wait(20)
            os._exit(0)
        os._exit(os.waitpid(pid, 0)[1])
    """
    program = start(code, server.url, tmp_path / "cache")
    eventually(lambda: "forked" in program.text())
    turn = 0
    while program.process.poll() is None:
        turn += 1
        server.publish({"turn": turn})
        time.sleep(0.02)
    assert "told in the child\n" in program.end()
