"""A night, from end to end: the host would be emptied, the guard holds; somebody sets a flag; the leader is killed; the service comes back and
goes away; the flag ends by itself; and somebody goes back to what readers had before.

Commands are those of the program `flagstaff`. Who does them is whichever worker leads.
"""

import json
import os
import signal
import statistics
import subprocess
import time

import pytest

from server import eventually

BINARY = os.environ.get("FLAGSTAFF_BIN")
WORKERS = 16
TIMES = 11

pytestmark = pytest.mark.skipif(
    not BINARY, reason="FLAGSTAFF_BIN names no `flagstaff` program; `cargo xtask test` builds one"
)


class Host:
    """The snapshot file of a fleet, and what people do with it."""

    def __init__(self, fleet):
        self.fleet = fleet
        cache = fleet.folder / "cache"
        self.file = next(path for path in cache.glob("*.flagstaff") if not path.name.startswith("."))

    def do(self, *command):
        arguments = [BINARY, *map(str, command), "--file", str(self.file)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done
        return done.stdout

    def status(self):
        return json.loads(self.do("status", "--json"))

    def all_read(self, version, known):
        answers = [answer[:2] for answer in self.fleet.ask_all("read")]
        return len(answers) == WORKERS and answers == [[version, known]] * WORKERS


@pytest.fixture
def host(make_fleet):
    fleet = make_fleet(workers=WORKERS)
    eventually(lambda: fleet.see(1))
    return Host(fleet)


def test_an_override_is_readable_in_all_workers_when_its_command_ends(host, record_property):
    times = []
    for number in range(TIMES):
        value = number % 2 == 1
        begun = time.monotonic()
        host.do("override", "known", json.dumps(value), "--for", "1h", "--reason", "measured")
        times.append(time.monotonic() - begun)
        assert host.all_read(1, value)
    shown = f"{WORKERS} workers: {statistics.median(times) * 1000:.1f} ms (median), {max(times) * 1000:.1f} ms (longest)"
    record_property("override", shown)
    print(shown)
    # Half a heartbeat would be 250 ms.
    assert statistics.median(times) < 0.1, shown


def test_a_night(host, service, flags_of):
    fleet = host.fleet
    # Somebody empties the flags.
    service.publish({})
    eventually(lambda: (host.status()["behind"] or {}).get("kind") == "held")
    assert host.all_read(1, True)
    # A flag has to be off now, whatever the service says.
    begun = time.monotonic()
    host.do("override", "known", "false", "--for", "8s", "--reason", "INC-7")
    assert host.all_read(1, False)
    # The worker that did it is killed, and another one leads.
    killed = eventually(lambda: fleet.leader(service))
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: fleet.leader(service) not in (None, killed) and fleet.all_pids())
    assert host.all_read(1, False)
    # The service is good again: what was held is over, what was set is not.
    service.publish(flags_of(2))
    eventually(lambda: host.all_read(2, False))
    assert host.status()["behind"] is None
    # It goes away, and what was set ends all the same, in time.
    service.close()
    assert time.monotonic() - begun < 8, "the machine is too slow for this night"
    eventually(lambda: host.all_read(2, True))
    assert 8 <= time.monotonic() - begun < 8 + 5
    # Back to what readers had in the beginning, without a service.
    entries = json.loads(host.do("log", "--json"))["snapshots"]
    first = entries[-1]["number"]
    assert json.loads(host.do("show", first)) == flags_of(1)
    host.do("rollback", first, "--for", "2s", "--reason", "INC-7")
    assert host.all_read(1, True)
    eventually(lambda: host.all_read(2, True))
    with open(f"{host.file.parent}/.{host.file.name}.audit") as audit:
        events = [json.loads(line)["event"] for line in audit]
    for event in ("held", "overridden", "override_over", "rolled_back"):
        assert event in events
    assert not fleet.violations()
