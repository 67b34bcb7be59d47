"""`--max-requests`: the worker that publishes is recycled like any other."""

from server import eventually


def test_recycled_leaders_hand_over_without_a_reader_noticing(service, make_fleet, flags_of):
    fleet = make_fleet(workers=3, OBSERVE=1, extra=["--max-requests", "30", "--max-requests-jitter", "5"])
    eventually(lambda: fleet.see(1))
    leaders = set()
    pids = set()
    version = 1

    def recycled():
        nonlocal version
        version += 1
        service.publish(flags_of(version))
        for _ in range(30):
            pid, answered = fleet.get()
            # A worker that has just come answers what the file has, never a default.
            assert answered >= 1
            pids.add(pid)
        leaders.add(fleet.leader(service))
        return len(leaders - {None}) >= 4

    eventually(recycled, seconds=60)
    eventually(lambda: fleet.see(version))
    assert len(pids) >= 4
    assert not fleet.violations()
    # The one that ends may have a stream for a moment after it gave the lock away.
    eventually(lambda: len(service.stats()["live"]) == 1)
