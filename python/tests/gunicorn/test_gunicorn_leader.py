"""The leader is killed, under load: another one goes on, and no reader notices."""

import os
import signal
import threading
import time

import pytest

from server import eventually

# The long form: FLAGSTAFF_LEADER_KILLS=200.
KILLS = int(os.environ.get("FLAGSTAFF_LEADER_KILLS", "20"))

# So that kills hit the middle of a publish too.
BULK = {f"flag-{number}": "y" * 100 for number in range(1000)}


class Load:
    """Updates and requests without a pause until the end of the block."""

    def __init__(self, fleet, service, flags_of):
        self.fleet, self.service, self.flags_of = fleet, service, flags_of
        self.lock = threading.Lock()
        self.url = service.url
        self.version = 1
        self.requests = 0
        self.ending = threading.Event()
        self.threads = [
            threading.Thread(target=target) for target in (self.publish, self.request, self.request)
        ]

    def publish(self):
        while not self.ending.wait(0.01):
            with self.lock:
                self.version += 1
                self.service.publish({**self.flags_of(self.version), **BULK})

    def request(self):
        while not self.ending.wait(0.002):
            try:
                self.fleet.get()
                self.requests += 1
            except (OSError, AssertionError, ValueError):
                # The worker that had it was the one that was killed.
                continue

    def stats(self):
        with self.lock:
            return self.service.stats()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.timeout(60 + 3 * KILLS)
@pytest.mark.parametrize("way", [{}, {"preload": True}], ids=["plain", "preload"])
def test_another_worker_has_the_stream_within_a_second_of_each_kill(
    way, service, make_fleet, flags_of, record_property
):
    kills = KILLS
    fleet = make_fleet(workers=4, kind="gthread", OBSERVE=1, **way)
    eventually(lambda: fleet.see(1))
    gaps = []
    with Load(fleet, service, flags_of) as load:
        for _ in range(kills):
            leader = eventually(lambda: len(fleet.pids()) >= 3 and fleet.leader(load))
            opened = len(load.stats()["opened"])
            killed = time.monotonic()
            os.kill(leader, signal.SIGKILL)
            stats = eventually(lambda opened=opened: len((one := load.stats())["opened"]) > opened and one)
            gaps.append(stats["opened"][opened][0] - killed)
            assert not fleet.violations()
        last = load.version
    eventually(lambda: fleet.see(load.version))
    newest, reads = fleet.newest()
    assert newest >= last
    assert reads > kills
    gaps.sort()
    shown = f"{kills} kills: new stream after {gaps[kills // 2] * 1000:.0f} ms (median), {gaps[-1] * 1000:.0f} ms (longest)"
    record_property("gaps", shown)
    print(f"{shown}; {newest} versions, {reads} reads at least, {load.requests} requests")
    assert not fleet.violations()
    assert gaps[-1] < 1, shown
    # Nobody but the new leaders opened a stream.
    assert len(service.stats()["opened"]) == kills + 1
