"""Directories that cannot be written, disks that are full, directories that are shared."""

import os
import subprocess
from pathlib import Path

import pytest
from flag_service import FlagService

from server import eventually


def test_an_unwritable_cache_directory_costs_a_word_and_not_a_stream_each(
    service, make_fleet, flags_of, tmp_path
):
    # Root may write everywhere but there.
    fleet = make_fleet(workers=3, CACHE="/proc/flagstaff", MEMORY=tmp_path / "memory")
    eventually(lambda: fleet.see(1))
    service.publish(flags_of(2))
    eventually(lambda: fleet.see(2))
    assert len(service.stats()["opened"]) == 1
    eventually(lambda: [told[0][0] for told in fleet.ask_all("errors") if told] == ["disk"] * 3)
    assert all(len(told) == 1 for told in fleet.ask_all("errors"))


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small tmpfs")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"a small tmpfs cannot be mounted: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk):
    path = Path(disk) / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    return path


def test_workers_that_start_on_a_full_disk_keep_flags_in_memory(
    service, make_fleet, flags_of, small_disk, tmp_path
):
    fill(small_disk)
    fleet = make_fleet(workers=3, CACHE=small_disk, MEMORY=tmp_path / "memory")
    eventually(lambda: fleet.see(1))
    service.publish(flags_of(2))
    eventually(lambda: fleet.see(2))
    assert len(service.stats()["live"]) == 1


def test_a_disk_that_fills_up_keeps_the_old_flags_and_heals(
    service, make_fleet, flags_of, small_disk, tmp_path
):
    fleet = make_fleet(workers=3, CACHE=small_disk, MEMORY=tmp_path / "memory")
    eventually(lambda: fleet.see(1))
    filler = fill(small_disk)
    # More than the file has room for.
    service.publish({**flags_of(2), "long": "y" * 1_000_000})
    eventually(lambda: any(["disk", True] in told for told in fleet.ask_all("errors")) or fleet.see(2))
    assert fleet.see(1) or fleet.see(2)
    filler.unlink()
    service.publish({**flags_of(3), "long": "z" * 300_000})
    eventually(lambda: fleet.see(3))


def test_two_keys_in_one_directory_do_not_meet(service, make_fleet, flags_of):
    with FlagService() as other:
        other.publish(flags_of(100))
        one = make_fleet(workers=2)
        shared = one.folder / "cache"
        two = make_fleet(url=other.url, workers=2, CACHE=shared, API_KEY="another-key")
        eventually(lambda: one.see(1) and two.see(100))
        service.publish(flags_of(2))
        eventually(lambda: one.see(2))
        assert two.see(100)
        assert len(service.stats()["live"]) == len(other.stats()["live"]) == 1


def test_one_application_may_have_clients_of_two_keys(service, make_fleet, flags_of):
    fleet = make_fleet(workers=3, preload=True, SECOND_KEY="another-key")
    eventually(lambda: fleet.see(1))
    service.publish(flags_of(2))
    eventually(lambda: [read[2] for read in fleet.ask_all("read")] == [2] * 3)
    eventually(lambda: fleet.see(2))
    assert len(service.stats()["live"]) == 2
