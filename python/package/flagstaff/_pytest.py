"""The plugin of pytest: a fixture and two options, see `pytest --help` and docs/openfeature.md.

Loaded in every test session of an environment that has this package, so it imports nothing until it is used.
"""

import pytest

_session: dict = {}


def pytest_addoption(parser):
    group = parser.getgroup("flagstaff", "feature flags in memory")
    group.addoption(
        "--flagstaff-flags", metavar="FLAGS.json", help="clients of the application read these flags"
    )
    group.addoption(
        "--flagstaff-strict",
        metavar="FLAGS.json",
        help="the same, and the session fails if a key is read that is missing there",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    # Before a conftest.py imports the application.
    options = early_config.known_args_namespace
    path = options.flagstaff_strict or options.flagstaff_flags
    if not path:
        return
    from flagstaff import testing

    try:
        flags = testing._flags_of(path)
        client = testing.MemoryClient(flags)
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"the flags cannot be read: {error}") from None
    _session.update(client=client, restore=testing.install(client), missing={})
    if options.flagstaff_strict:
        _session["known"] = set(flags)


@pytest.fixture
def flagstaff_flags():
    """Flags in memory, with the options those of the application. What a test sets is undone after it."""
    from flagstaff import testing

    client = _session.get("client")
    if client is None:
        yield testing.MemoryClient()
        return
    base = dict(client._base)
    yield client
    with client._lock:
        client._base = base
    client.set_status()
    client.set({})


def _note_missing(where):
    if "known" in _session:
        reads = _session["client"].reads
        for key in reads - _session["known"]:
            _session["missing"].setdefault(key, where)
        reads.clear()


def pytest_collection_finish():
    _note_missing("the imports")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item):
    _note_missing(item.nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    # What a worker of xdist found.
    for key, where in getattr(node, "workeroutput", {}).get("flagstaff_missing", {}).items():
        _session.setdefault("missing", {}).setdefault(key, where)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    _note_missing("the end of the session")
    missing = _session.get("missing")
    if not missing:
        return
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["flagstaff_missing"] = missing
    elif session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    missing = _session.get("missing")
    if missing:
        terminalreporter.section("flags that are missing", red=True)
        terminalreporter.line(f"Read by the application, and not in {config.getoption('flagstaff_strict')}:")
        for key, where in sorted(missing.items()):
            terminalreporter.line(f"  {key!r}, first in {where}")


def pytest_unconfigure():
    if "restore" in _session:
        _session["restore"]()
    _session.clear()
