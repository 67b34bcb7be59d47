"""SIGTERM to exit, beside the same application without any client."""

import pytest

from server import eventually


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_the_exit_takes_no_half_second_longer_than_that_of_the_application_alone(kind, service, make_fleet):
    spent = {"none": [], "flagstaff": []}
    for _ in range(3):
        for sdk, times in spent.items():
            fleet = make_fleet(workers=4, kind=kind, sdk=sdk)
            eventually(fleet.all_pids if sdk == "none" else lambda fleet=fleet: fleet.see(1))
            times.append(fleet.stop())
            assert fleet.master.returncode == 0
    # The best of three: a busy machine makes each of them longer, the client would make all of them longer.
    alone, ours = min(spent["none"]), min(spent["flagstaff"])
    print(f"{kind}: {ours:.2f} s, {alone:.2f} s alone")
    assert ours - alone <= 0.5
