"""The SDK's surface: names, arguments, defaults, exceptions."""

import dataclasses
import hashlib
import inspect
import json
import os
from datetime import datetime, timezone

import pytest

import flagstaff
from flagstaff import (
    SoasapClient,
    SoasapClientOptions,
    SoasapErrorContext,
    SoasapErrorSource,
    create_soasap_client,
)
from server import eventually

DEAD = "http://127.0.0.1:9"


def test_every_public_name_is_there_and_listed():
    for name in flagstaff.__all__:
        assert getattr(flagstaff, name) is not None, name
        assert name in dir(flagstaff)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = flagstaff.nonsense


def test_a_missing_key_is_a_type_error_and_a_blank_one_a_value_error(tmp_path):
    with pytest.raises(TypeError, match="api_key is missing"):
        create_soasap_client()
    with pytest.raises(TypeError):
        create_soasap_client("positional key is options", api_key=3).get_bool("k")
    for blank in ("", " ", "\t\n"):
        with pytest.raises(ValueError, match=r"(?i)api key"):
            create_soasap_client(api_key=blank, cache_directory=tmp_path)
        with pytest.raises(ValueError, match=r"(?i)api key"):
            create_soasap_client(SoasapClientOptions(api_key=blank, cache_directory=str(tmp_path)))


# A mounted secret ends in a line break. The SDK sends it as it is, and servers drop what is around a header's value.
@pytest.mark.parametrize("given", ["test-key\n", "test-key\r\n", " test-key", "\ttest-key \n"])
def test_white_space_around_a_key_does_not_belong_to_it(given, server, make_client):
    client = make_client(server.url, api_key=given)
    assert client.wait_until_ready(20)
    assert "x-api-key: test-key\r\n" in server.requests[0].lower()
    other = make_client(server.url, api_key="test-key")
    assert other.path == client.path
    assert other.get_bool("on") is True
    assert len(server.requests) == 1
    with pytest.raises(ValueError, match="printable ascii"):
        make_client(server.url, api_key="test\nkey")


def test_a_key_with_white_space_starts_from_the_cache_that_the_sdk_made_for_it(tmp_path):
    name = f"soasap_cache_{hashlib.sha256(b'k' + bytes([10])).hexdigest()[:8]}.json"
    (tmp_path / name).write_text(json.dumps({"from-sdk": True}))
    with create_soasap_client(api_key="k\n", base_url=DEAD, cache_directory=tmp_path) as client:
        assert client.get_bool("from-sdk") is True


# The snapshot file of another base URL is another one, so that the old cache of the SDK was all that there was.
def test_a_changed_base_url_keeps_the_flags_of_the_key_and_not_those_of_the_old_cache(server, tmp_path):
    cache = tmp_path / f"soasap_cache_{hashlib.sha256(b'k').hexdigest()[:8]}.json"
    cache.write_text(json.dumps({"on": "months ago"}))
    os.utime(cache, (1e9, 1e9))
    with create_soasap_client(api_key="k", base_url=server.url, cache_directory=tmp_path) as client:
        # Ready is when the stream is open: the first event of it may come after that.
        eventually(lambda: client.get_string("on", "no text") == "no text")
        known = dict(client.snapshot())
    with create_soasap_client(api_key="k", base_url=DEAD, cache_directory=tmp_path) as client:
        assert client.get_string("on", "no text") == "no text"
        assert client.snapshot() == known


def test_a_base_url_that_is_none_is_a_value_error_and_an_empty_one_the_default(tmp_path):
    with pytest.raises(ValueError, match="nonsense"):
        create_soasap_client(api_key="k", base_url="nonsense", cache_directory=tmp_path)
    client = create_soasap_client(api_key="k", base_url="", cache_directory=tmp_path)
    assert "https://api.soasap.com" in repr(client)
    client.close()


def test_options_stand_for_the_other_arguments(tmp_path):
    options = SoasapClientOptions(api_key="k", base_url=DEAD, cache_directory=str(tmp_path / "here"))
    with create_soasap_client(options, api_key="another", base_url="nonsense") as client:
        assert isinstance(client, SoasapClient)
        assert client.path.startswith(str(tmp_path / "here"))
    assert [field.name for field in dataclasses.fields(SoasapClientOptions)] == [
        "api_key",
        "base_url",
        "preload",
        "cache_directory",
        "on_error",
    ]
    assert SoasapClientOptions("k") == SoasapClientOptions(api_key="k", base_url="https://api.soasap.com")


def test_the_default_directory_is_the_sdks(run, tmp_path):
    code = """if 1:
        import os, sys, flagstaff
        os.environ["HOME"] = sys.argv[1]
        os.environ.pop("XDG_DATA_HOME", None)
        print(flagstaff.create_soasap_client(api_key="k").path)
    """
    assert run(code, tmp_path).startswith(f"{tmp_path}/.local/share/soasap/cache/soasap_cache_")


def test_an_error_context_is_made_as_the_sdks():
    now = datetime.now(timezone.utc)
    context = SoasapErrorContext(
        exception=OSError("x"), source=SoasapErrorSource.DISK, is_transient=False, timestamp=now
    )
    assert context.source == "disk"
    with pytest.raises(dataclasses.FrozenInstanceError):
        context.is_transient = True
    assert [source.value for source in SoasapErrorSource] == ["network", "disk", "parser"]


def test_arguments_have_the_names_and_defaults_of_the_sdk_and_its_documentation(client):
    for name, key, expected, default in (
        ("get_bool", "on", True, False),
        ("get_flag", "on", True, False),
        ("get_number", "limit", 50.0, 0),
        ("get_string", "title", "Grüße 🎏", ""),
        ("get_json", "list", [1, 2, 3], None),
    ):
        getter = getattr(client, name)
        given = object()
        assert getter(key) == getter(key=key) == getter(flag_key=key) == expected
        assert getter("missing") == default
        assert type(getter("missing")) is type(default)
        assert getter("missing", given) is given
        assert getter("missing", default=given) is given
        assert getter("missing", default_value=given) is given
        assert getter(default=given, key="missing") is given
        assert getter(default_value=given, flag_key="missing") is given
        assert list(inspect.signature(getter).parameters) == ["key", "default"]
        assert inspect.getdoc(getter)
        for arguments, named in (
            ((), {}),
            (("k", 1, 2), {}),
            (("k",), {"key": "k"}),
            (("k", 1), {"default": 2}),
            (("k",), {"default": 1, "default_value": 2}),
            (("k",), {"fallback": 1}),
        ):
            with pytest.raises(TypeError, match=rf"{name}\(key, default\): found"):
                getter(*arguments, **named)


def test_answers_are_the_sdks(tmp_path):
    soasap = pytest.importorskip("soasap", reason="the SDK is not installed beside")
    from sample import FLAGS
    from server import serving

    flags = {**FLAGS, "float-int": 1.0, "huge": 10**30, "exp": 1e300}
    with serving(flags) as server:
        ours = create_soasap_client(api_key="k", base_url=server.url, cache_directory=str(tmp_path))
        assert ours.wait_until_ready(20)
        theirs = soasap.create_soasap_client(api_key="k", base_url=DEAD, cache_directory=str(tmp_path))
        # The SDK cannot read a chunked stream: it gets the flags by its cache.
        theirs.close()
        name = f"soasap_cache_{hashlib.sha256(b'k').hexdigest()[:8]}.json"
        (tmp_path / name).write_text(json.dumps(flags))
        theirs = soasap.create_soasap_client(api_key="k", base_url=DEAD, cache_directory=str(tmp_path))
        eventually(lambda: ours.get_number("limit") == theirs.get_number("limit") == 50)
        for key in [*flags, "missing", ""]:
            for getter in ("get_bool", "get_flag", "get_number", "get_string", "get_json"):
                for default in ((), (None,), (True,), (False,), (7,), ("x",), ([],)):
                    expected = getattr(theirs, getter)(key, *default)
                    answer = getattr(ours, getter)(key, *default)
                    assert answer == expected, (getter, key, default)
                    assert type(answer) is type(expected), (getter, key, default)
        theirs.close()
        ours.close()


def test_the_cache_of_the_sdk_is_where_flags_start_from(tmp_path):
    name = f"soasap_cache_{hashlib.sha256(b'k').hexdigest()[:8]}.json"
    (tmp_path / name).write_text(json.dumps({"from-sdk": True}))
    with create_soasap_client(api_key="k", base_url=DEAD, cache_directory=tmp_path) as client:
        eventually(lambda: client.get_bool("from-sdk"))
