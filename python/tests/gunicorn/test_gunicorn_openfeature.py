"""OpenFeature under Gunicorn: a provider that is set when the module is loaded is ready in every worker, and has its events there."""

from importlib.util import find_spec

import pytest

from server import eventually

pytestmark = pytest.mark.skipif(
    find_spec("openfeature") is None, reason="not installed: openfeature-sdk; see tests/requirements.txt"
)

GEVENT = pytest.mark.skipif(
    find_spec("gevent") is None, reason="gevent is not installed; see tests/requirements.txt"
)


# Without what is done after a fork: the workers of --preload answer PROVIDER_NOT_READY for ever, if the fork comes before the SDK's
# thread has ended, and are told no event, if a handler has run before.
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("sync", {}),
        ("sync", {"preload": True}),
        ("sync", {"preload": True, "READ_AT_IMPORT": 1}),
        pytest.param("gevent", {"preload": True, "PATCH": 1}, marks=GEVENT),
    ],
    ids=["plain", "preload", "preload-read", "gevent-preload"],
)
def test_every_worker_is_ready_and_told_what_changes(kind, more, service, make_fleet, flags_of):
    fleet = make_fleet(workers=2, kind=kind, OPENFEATURE=1, **more)
    eventually(fleet.all_pids)

    def all_say(**expected):
        said = fleet.ask_all("features")
        # After a fork it is the provider that answers, from the first call on. In the process that sets it, the SDK takes a moment.
        assert "preload" not in more or all(answer["is_ours"] for answer in said), said
        return all(answer[name] == value for answer in said for name, value in expected.items())

    def all_were_told(event, keys):
        return all([event, keys] in answer["events"] for answer in fleet.ask_all("features"))

    eventually(lambda: all_say(value=1, reason="STATIC", status="READY", error=None))
    eventually(lambda: all_were_told("PROVIDER_READY", None))
    service.publish(flags_of(2))
    eventually(lambda: all_say(value=2))
    eventually(lambda: all_were_told("PROVIDER_CONFIGURATION_CHANGED", ["text", "version"]))
    service.close()
    eventually(lambda: all_say(value=2, reason="STALE", status="STALE"))
    eventually(lambda: all_were_told("PROVIDER_STALE", None))
