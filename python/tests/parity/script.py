"""The same calls for either package: `python script.py soasap|flagstaff URL FOLDER all|disk`. Prints each answer as a line of JSON.

A step is a set of flags with its number in `step`; the script answers for each when it has come.
"""

import importlib
import json
import sys
import time

KEYS = (
    "on",
    "off",
    "int",
    "float",
    "big",
    "huge",
    "minus",
    "zero",
    "minus zero",
    "text",
    "empty",
    "wide",
    "lone surrogate",
)
KEYS += (
    "dict",
    "list",
    "nested",
    "nothing",
    "",
    "missing",
    "a.b/c d",
    "k\u00e9y \U0001f38f",
    "twice",
    "tiny",
    "too big",
)
KEYS += ("digits", "deep", "exponent", "string true", "string 1", "one", "empty dict", "empty list", "exact")
ODD_KEYS = (None, 5, 1.5, True, b"on", ("on",), "\ud800", "x" * 10_000, [], {}, object)
GETTERS = ("get_bool", "get_flag", "get_number", "get_string", "get_json")
DEFAULTS = (None, True, False, 0, 1, -2.5, "", "default", [], {"a": 1}, float("inf"), 10**400)


def main(name, url, folder, part):
    package = importlib.import_module(name)
    if part == "all":
        live(package, url, folder)
        print(json.dumps("closed"), flush=True)
        sys.stdin.readline()
    # The service is gone now: another client answers from what the first left on the disk, from the first read on.
    client = package.create_soasap_client(api_key="key", base_url=url, cache_directory=folder)
    every_answer("from the disk", client)
    client.close()
    print(json.dumps("end"), flush=True)


def live(package, url, folder):
    for label, call in constructions(package, folder):
        say("made", label, told_or_raised(call))
    errors = []
    # Payloads here have other keys each time.
    options = {} if package.__name__ == "soasap" else {"guard": None}
    client = package.create_soasap_client(
        api_key="key", base_url=url + "/", cache_directory=folder, on_error=errors.append, **options
    )
    say("before the first flags", "get_bool", told_or_raised(lambda: client.get_bool("on", True)))
    step = 1
    while True:
        wait_for(client, step)
        every_answer(step, client)
        say(step, "told", sorted({(error.source.value, error.is_transient) for error in errors}))
        say(step, "context", [type(errors[0]).__name__, str(errors[0].timestamp.tzinfo)] if errors else [])
        print(json.dumps("next"), flush=True)
        if sys.stdin.readline() != "go on\n":
            break
        step += 1
    say("close", "close", told_or_raised(client.close))
    say("close", "again", told_or_raised(lambda: client.close(timeout=0.1)))
    say("close", "read afterwards", told_or_raised(lambda: client.get_number("step")))


def constructions(package, folder):
    create, options = package.create_soasap_client, package.SoasapClientOptions
    good = {"api_key": "other", "base_url": "http://127.0.0.1:9", "cache_directory": folder}

    def made(*arguments, **named):
        client = create(*arguments, **named)
        answers = [
            client.get_bool("on"),
            client.get_number("n"),
            client.get_string("s"),
            client.get_json("j"),
        ]
        client.close()
        return answers

    yield "no key", lambda: create()
    yield "empty key", lambda: create(api_key="")
    yield "blank key", lambda: create(api_key=" \t")
    yield "blank key in options", lambda: create(options(api_key=" "))
    yield "unknown argument", lambda: create(api_key="key", unknown=1)
    yield "arguments", lambda: made(**good)
    yield "options", lambda: made(options(**good))
    yield "options by name", lambda: made(options=options(**good))
    yield "preload", lambda: made(**good, preload=True)
    yield "options without key", lambda: options()
    yield "defaults of options", lambda: vars(options("key"))
    yield "options are equal", lambda: options("key") == options("key")
    yield (
        "sources",
        lambda: [(source.name, source.value, source == source.value) for source in package.SoasapErrorSource],
    )
    yield "fields of the context", lambda: sorted(package.SoasapErrorContext.__dataclass_fields__)
    yield (
        "names",
        lambda: [hasattr(package, n) for n in ("SoasapClient", "SoasapErrorHandler", "__version__")],
    )


def every_answer(step, client):
    for key in KEYS:
        for getter in GETTERS:
            get = getattr(client, getter)
            say(step, f"{getter}({key!r})", told_or_raised(lambda get=get, key=key: get(key)))
    for getter in GETTERS:
        get = getattr(client, getter)
        for number, default in enumerate(DEFAULTS):
            for key in ("missing", "on", "int", "text", "dict", "nothing"):
                call = f"{getter}({key!r}, default {number})"
                say(step, call, told_or_raised(lambda get=get, key=key, default=default: get(key, default)))
            named = told_or_raised(lambda get=get, default=default: get("missing", default_value=default))
            say(step, f"{getter}(default_value={number})", named)
        say(step, f"{getter}(flag_key=)", told_or_raised(lambda get=get: get(flag_key="on")))
        say(step, f"{getter}()", told_or_raised(get))
        for number, key in enumerate(ODD_KEYS):
            say(step, f"{getter}(odd key {number})", told_or_raised(lambda get=get, key=key: get(key)))
    fresh = client.get_json("dict")
    if isinstance(fresh, dict):
        fresh["added"] = True
        say(step, "get_json is a copy", shown(client.get_json("dict")))


def wait_for(client, step):
    deadline = time.monotonic() + 30
    while client.get_number("step") < step:
        assert time.monotonic() < deadline, f"step {step} never came"
        time.sleep(0.005)


def told_or_raised(call):
    try:
        return shown(call())
    except Exception as error:
        return ["raises", type(error).__name__]


def shown(value):
    """With the type of everything, and floats exact."""
    if isinstance(value, dict):
        return ["dict", [[key, shown(one)] for key, one in value.items()]]
    if isinstance(value, (list, tuple)):
        return ["list", [shown(one) for one in value]]
    return [type(value).__name__, repr(value)[:500]]


def say(*line):
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
