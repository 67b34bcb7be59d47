"""Every worker, one stream, one moment."""

import pytest

from server import eventually

WAYS = [
    pytest.param(
        {"kind": kind, "preload": preload, **more}, id=f"{kind}{'-preload' * preload}{'-read' * bool(more)}"
    )
    for kind in ("sync", "gthread")
    for preload, more in ((False, {}), (True, {}), (True, {"READ_AT_IMPORT": 1}))
]


@pytest.mark.parametrize("way", WAYS)
def test_every_worker_sees_each_update_through_one_stream(way, service, make_fleet, flags_of):
    fleet = make_fleet(workers=4, **way)
    eventually(lambda: fleet.see(1))
    for version in (2, 3):
        service.publish(flags_of(version))
        eventually(lambda version=version: fleet.see(version))
    assert fleet.get()[1] == 3
    assert len(service.stats()["opened"]) == 1
    assert eventually(lambda: fleet.leader(service))


@pytest.mark.parametrize("preload", [False, True])
def test_no_worker_answers_the_old_value_once_another_answers_the_new_one(
    preload, service, make_fleet, flags_of
):
    fleet = make_fleet(workers=4, preload=preload)
    eventually(lambda: fleet.see(1))
    from concurrent.futures import ThreadPoolExecutor

    for version in range(2, 12):
        pids = eventually(fleet.all_pids)
        with ThreadPoolExecutor(4) as pool:
            watches = [
                pool.submit(fleet.ask, pid, "watch", version=version, every=0.0002, seconds=20)
                for pid in pids
            ]
            service.publish(flags_of(version))
            seen = [watch.result() for watch in watches]
        assert all(one["new"] for one in seen)
        first = min(one["new"] for one in seen)
        # One that began to poll late saw nothing old.
        last_old = max((one["old"] for one in seen if one["old"]), default=first)
        assert last_old <= first, f"disagreed for {(last_old - first) * 1000:.3f} ms"


def test_every_thread_of_a_gthread_worker_answers_requests_with_the_new_value(service, make_fleet, flags_of):
    fleet = make_fleet(workers=2, kind="gthread")
    eventually(lambda: fleet.see(1))
    service.publish(flags_of(2))
    eventually(lambda: fleet.see(2))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: fleet.get(), range(64)))
    assert {version for _, version in answers} == {2}
