"""Tests of users: mocks, subclasses, and classes of their own in the place of a client."""

import gc
import weakref
from unittest import mock

import pytest

import flagstaff
from flagstaff import FlagReader

DEAD = "http://127.0.0.1:9"


@pytest.mark.parametrize("kind", ["client", "reader"])
def test_a_getter_of_one_object_is_patched_and_restored(kind, client, reader):
    flags = {"client": client, "reader": reader}[kind]
    other = flagstaff.Reader(client.path)
    with mock.patch.object(flags, "get_bool", return_value="mocked") as get_bool:
        assert flags.get_bool("on") == "mocked"
        assert flags.get_flag("on") is True
        assert other.get_bool("on") is True
        get_bool.assert_called_once_with("on")
    assert flags.get_bool("on") is True
    assert vars(flags) == {}


def test_a_getter_of_the_class_is_patched_and_restored(client):
    with mock.patch.object(flagstaff.Client, "get_number", return_value=7.0) as get_number:
        assert client.get_number("limit", 1) == 7.0
        get_number.assert_called_once_with("limit", 1)
    assert client.get_number("limit") == 50.0


def test_mocks_are_made_after_the_class():
    flags = mock.create_autospec(flagstaff.Client, instance=True)
    flags.get_bool.return_value = True
    assert flags.get_bool("on", False) is True
    assert isinstance(flags, flagstaff.SoasapClient)
    flags.get_bool.assert_called_once_with("on", False)
    with pytest.raises(AttributeError):
        _ = flags.get_colour


class Counting(flagstaff.Client):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.reads = 0

    def get_bool(self, key, default=False):
        self.reads += 1
        return super().get_bool(key, default)


def test_a_subclass_overrides_a_getter_and_has_attributes_of_its_own(server, tmp_path):
    with Counting("k", base_url=server.url, cache_directory=tmp_path) as flags:
        assert flags.wait_until_ready(20)
        assert flags.get_bool("on") is True
        assert flags.get_bool("missing", True) is True
        assert flags.get_number("limit") == 50.0
        assert flags.reads == 2
        assert isinstance(flags, flagstaff.SoasapClient)
        assert flags.bool_flag("on").get() is True

    class Named(flagstaff.Reader):
        def __new__(cls, path, name):
            return super().__new__(cls, path)

        def __init__(self, path, name):
            self.name = name

    reader = Named(flags.path, "shop")
    assert (reader.name, reader.get_bool("on")) == ("shop", True)


def test_an_object_that_refers_to_itself_through_an_attribute_is_collected(tmp_path):
    for make in (
        lambda: flagstaff.Client("k", base_url=DEAD, cache_directory=tmp_path),
        lambda: Counting("k", base_url=DEAD, cache_directory=tmp_path),
        lambda: flagstaff.Reader(tmp_path / "none.flagstaff", attach=True),
    ):
        flags = make()
        flags.itself = flags
        gone = weakref.ref(flags)
        del flags
        gc.collect()
        assert gone() is None


def test_what_has_the_getters_is_a_flag_reader(client, reader):
    class Fake:
        def get_bool(self, flag_key, default_value=False):
            return flag_key == "on"

        get_flag = get_bool

        def get_number(self, flag_key, default_value=0):
            return default_value

        get_string = get_json = get_number

    assert all(isinstance(flags, FlagReader) for flags in (client, reader, Fake()))
    assert not isinstance({}, FlagReader)
