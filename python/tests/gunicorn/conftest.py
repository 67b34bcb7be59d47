"""A service, and Gunicorn with workers that read its flags."""

import pytest
from flag_service import FlagService
from fleet import Fleet


@pytest.fixture
def service():
    with FlagService() as service:
        service.publish(flags_of(1))
        yield service


@pytest.fixture
def make_fleet(tmp_path, service):
    """Start Gunicorn; it ends with the test."""
    fleets = []

    def make(url=None, **options):
        fleets.append(Fleet(tmp_path / f"fleet{len(fleets)}", url or service.url, **options))
        return fleets[-1]

    yield make
    for fleet in fleets:
        fleet.close()


def flags_of(version):
    return {"version": version, "known": True, "text": "x" * (version % 100)}


@pytest.fixture(name="flags_of")
def flags_of_fixture():
    return flags_of
