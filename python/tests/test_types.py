"""The stubs are right, and what they promise can be checked."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio
from collections.abc import Mapping
from datetime import datetime

import flagstaff
from flagstaff import FlagReader, SoasapClient, SoasapClientOptions, SoasapErrorContext, create_soasap_client


def report(context: SoasapErrorContext) -> None:
    print(context.exception, context.source.value, context.timestamp.isoformat())


client: SoasapClient = create_soasap_client(api_key="k", on_error=report, preload=True)
also: flagstaff.Client = create_soasap_client(SoasapClientOptions(api_key="k"))
a: bool = client.get_bool("k", True)
b: float = client.get_number("k", default_value=2)
c: str | None = client.get_string("k", None)
d: dict[str, int] | None = client.get_json(flag_key="k", default_value={"x": 1})
e: bool = client.bool_flag("k", default=True).get()
f: float | None = client.number_flag("k", None).get()
g: Mapping[str, object] = client.snapshot()
h: datetime | None = client.status().published_at
i: float | None = client.status().contact_age
j: bool | None = client.get_bool("k", default=None)


async def main() -> None:
    async for changes in client.changes():
        for change in changes:
            print(change.key, change.old, change.new)
    number: int = await flagstaff.Reader("path", attach=True).wait_for_change_async(timeout=1)
    print(number)


from flagstaff.testing import MemoryClient, in_memory, override

memory: flagstaff.Client = MemoryClient({"k": 1})
with in_memory("flags.json") as flags, flags.override("k", 1), override({"k": [1]}, client=flags):
    flags.set("k", True)


@override("k", False)
def test(argument: int) -> bool:
    return flags.get_bool("k")


is_off: bool = test(1)


class Fake:
    def get_bool(self, flag_key: str, default_value: bool = False) -> bool:
        return True

    def get_flag(self, flag_key: str, default_value: bool = False) -> bool:
        return True

    def get_number(self, key: str, default: float = 0) -> float:
        return 1

    def get_string(self, key: str, default: str = "") -> str:
        return default

    def get_json(self, key: str, default: object = None) -> object:
        return default


def is_open(flags: FlagReader) -> bool:
    return flags.get_bool("open", True) and flags.get_number("limit") > flags.get_json("rules")["limit"]


is_open(client)
is_open(flagstaff.Reader("path"))
is_open(Fake())


class Shop(flagstaff.Client):
    def close(self, timeout: float = 1.0) -> None:
        super().close(timeout)


with create_soasap_client(api_key="k") as entered:
    reveal_type(entered)
"""

WRONG = """
import flagstaff

client = flagstaff.create_soasap_client(key="k")
client.get_bool(5)
client.bool_flag("k", default="yes")
n: int = client.get_string("k")
client.status().generation = 5
reader: flagstaff.FlagReader = "no reader"
"""


@pytest.fixture
def mypy(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")

    def mypy(text):
        (tmp_path / "program.py").write_text(text)
        command = [sys.executable, "-m", "mypy", "--strict", "program.py"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        return done.returncode, done.stdout + done.stderr

    return mypy


def test_a_program_that_uses_everything_is_checked_without_a_complaint(mypy):
    code, output = mypy(PROGRAM)
    assert code == 0, output
    assert 'Revealed type is "flagstaff._flagstaff.Client"' in output


def test_wrong_use_is_found(mypy):
    code, output = mypy(WRONG)
    assert code == 1
    assert output.count("error:") == 6, output


def test_the_stubs_say_what_is_there(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    (tmp_path / "allowed").write_text(ALLOWED)
    command = [sys.executable, "-m", "mypy.stubtest", "flagstaff", "--allowlist", "allowed"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Names of arguments that are taken besides those that are shown, `__init__`, which takes whatever `__new__` does, and the parts
# without stubs.
ALLOWED = r"""
flagstaff\.(_flagstaff\.)?(Client|Reader|SoasapClient)\.get_(bool|flag|number|string|json)
flagstaff\.(_flagstaff\.)?(Client|Reader|SoasapClient)\.__init__
flagstaff\._flagstaff\.__all__
flagstaff\._(background|asyncio|errors|evaluation|greenlets|memory|openfeature_sdk|options|protocol|pytest)(\..*)?
flagstaff\.testing\.(MemoryClient|override)(\..*)?
"""
