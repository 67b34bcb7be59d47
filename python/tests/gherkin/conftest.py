"""The steps, and a client that all scenarios share."""

import os
import re
from pathlib import Path

import pytest
from flag_sets import OWN, of_specification

import flagstaff
from server import serving

FOLDER = os.environ.get("OPENFEATURE_SPECIFICATION")
FLAGS = {**(of_specification(FOLDER) if FOLDER else {}), **OWN}


def pytest_configure(config):
    # The tags of the specification's examples become markers, and markers have to be known.
    for file in Path(FOLDER).glob("*.feature") if FOLDER else ():
        for tag in set(re.findall(r"@(\S+)", file.read_text())):
            config.addinivalue_line("markers", f"{tag}: a tag of the specification")


SKIPPED = {
    "targeting": "there are no targeting rules: a flag is a value",
    "reason-codes-disabled": "no flag is disabled: it is taken away",
}


def pytest_collection_modifyitems(items):
    for item in items:
        for tag in SKIPPED.keys() & {mark.name for mark in item.iter_markers()}:
            item.add_marker(pytest.mark.skip(reason=SKIPPED[tag]))


@pytest.fixture(scope="session")
def flags_of_suite():
    return FLAGS


@pytest.fixture(scope="session")
def stable_client(tmp_path_factory):
    with serving(FLAGS) as server:
        folder = tmp_path_factory.mktemp("cache")
        with flagstaff.Client("k", base_url=server.url, cache_directory=folder) as client:
            assert client.wait_until_ready(20)
            yield client
