"""Nanoseconds per call, beside soasap 1.0.3 and `dict.get`, in one process and interleaved.

    pip install ./python soasap==1.0.3
    python python/benches/per_call.py [flags] [--json FILE]

A loop without a call is subtracted. Each round measures everything once, in the same random order of keys;
the median of the rounds is printed. Flags are laid into the SDK's cache, from which both clients take them.
"""

import argparse
import hashlib
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

import flagstaff

ROUNDS = 15
CALLS = 32_768
API_KEY = "bench"


def flags_of(count):
    """Keys of 15 to 40 bytes; booleans, numbers, strings and small objects in turn."""
    chosen = random.Random(7)
    values = (True, False, 12.5, 7, "a short text", {"limit": 5, "regions": ["eu", "us"]})
    flags = {}
    while len(flags) < count:
        key = "".join(chosen.choices("abcdefghijklmnopqrstuvwxyz-", k=chosen.randint(15, 40)))
        flags[key] = values[len(flags) % len(values)]
    return flags


def measured(function, keys, *arguments, **named):
    """Nanoseconds for one round, the loop included."""
    if named:
        default = named["default"] if "default" in named else named["default_value"]
        if "default" in named:
            begun = time.perf_counter_ns()
            for key in keys:
                function(key, default=default)
            return time.perf_counter_ns() - begun
        begun = time.perf_counter_ns()
        for key in keys:
            function(key, default_value=default)
        return time.perf_counter_ns() - begun
    if arguments:
        (default,) = arguments
        begun = time.perf_counter_ns()
        for key in keys:
            function(key, default)
        return time.perf_counter_ns() - begun
    begun = time.perf_counter_ns()
    for key in keys:
        function(key)
    return time.perf_counter_ns() - begun


def measured_handle(get, keys):
    begun = time.perf_counter_ns()
    for _ in keys:
        get()
    return time.perf_counter_ns() - begun


def measured_method(flag, keys):
    begun = time.perf_counter_ns()
    for _ in keys:
        flag.get()
    return time.perf_counter_ns() - begun


def measured_truth(flag, keys):
    begun = time.perf_counter_ns()
    for _ in keys:
        if flag:
            pass
    return time.perf_counter_ns() - begun


def empty(keys):
    begun = time.perf_counter_ns()
    for _ in keys:
        pass
    return time.perf_counter_ns() - begun


def subjects(ours, theirs, table, keys):
    of = {kind: [key for key in keys if type(table[key]) is kind] for kind in (bool, float, int, str, dict)}
    of[float] += of[int]
    missing = [f"missing-{number:08}" for number in range(len(keys))]
    first = next(key for key in table if type(table[key]) is bool)
    yield "dict.get", lambda: (measured(table.get, of[bool]), of[bool])
    yield "get_bool(key)", lambda: (measured(ours.get_bool, of[bool]), of[bool])
    yield "get_bool(key, True)", lambda: (measured(ours.get_bool, of[bool], True), of[bool])
    yield "get_bool(key, default=False)", lambda: (measured(ours.get_bool, of[bool], default=False), of[bool])
    yield "get_bool(missing)", lambda: (measured(ours.get_bool, missing), missing)
    yield "get_number(key)", lambda: (measured(ours.get_number, of[float]), of[float])
    yield "get_string(key)", lambda: (measured(ours.get_string, of[str]), of[str])
    yield "get_json(key)", lambda: (measured(ours.get_json, of[dict]), of[dict])
    flag = ours.bool_flag(first)
    number = ours.number_flag(next(key for key in table if type(table[key]) is float))
    yield "flag.get()", lambda: (measured_method(flag, keys), keys)
    yield "flag.get() bound before", lambda: (measured_handle(flag.get, keys), keys)
    yield "if flag", lambda: (measured_truth(flag, keys), keys)
    yield "number_flag.get()", lambda: (measured_method(number, keys), keys)
    if theirs:
        yield "soasap get_bool(key)", lambda: (measured(theirs.get_bool, of[bool]), of[bool])
        yield (
            "soasap get_bool(key, default_value=False)",
            lambda: (measured(theirs.get_bool, of[bool], default_value=False), of[bool]),
        )
        yield "soasap get_number(key)", lambda: (measured(theirs.get_number, of[float]), of[float])
        yield "soasap get_string(key)", lambda: (measured(theirs.get_string, of[str]), of[str])
        yield "soasap get_json(key)", lambda: (measured(theirs.get_json, of[dict]), of[dict])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("flags", nargs="?", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="also write the medians there")
    arguments = parser.parse_args()
    table = flags_of(arguments.flags)
    keys = random.Random(8).choices(list(table), k=CALLS)
    with tempfile.TemporaryDirectory() as folder:
        name = f"soasap_cache_{hashlib.sha256(API_KEY.encode()).hexdigest()[:8]}.json"
        (Path(folder) / name).write_text(json.dumps(table))
        nowhere = "http://127.0.0.1:9"
        try:
            import soasap

            theirs = soasap.create_soasap_client(api_key=API_KEY, base_url=nowhere, cache_directory=folder)
        except ImportError:
            theirs = None
        ours = flagstaff.create_soasap_client(api_key=API_KEY, base_url=nowhere, cache_directory=folder)
        while ours.generation == 0:
            ours.wait_for_change(0, 10)
            ours.get_bool("start")
        for key, value in table.items():
            assert ours.snapshot()[key] == value
        medians = rounds(list(subjects(ours, theirs, table, keys)))
        if theirs:
            theirs.close()
        ours.close()
    show(medians, arguments.json)


def rounds(all_subjects):
    times = {name: [] for name, _ in all_subjects}
    for turn in range(ROUNDS + 1):
        for name, measure in all_subjects:
            # Not timed: whoever comes first would pay for a table that the others pushed out of the caches.
            measure()
            spent, keys = measure()
            # The first round warms up.
            if turn:
                times[name].append((spent - empty(keys)) / len(keys))
    return {name: statistics.median(values) for name, values in times.items()}


def show(medians, path):
    if path:
        path.write_text(json.dumps(medians, indent=1))
    for name, nanoseconds in medians.items():
        print(f"{nanoseconds:8.1f} ns  {name}")
    ratios = [
        ("get_bool(key)", "soasap get_bool(key)"),
        ("get_number(key)", "soasap get_number(key)"),
        ("get_string(key)", "soasap get_string(key)"),
        ("get_json(key)", "soasap get_json(key)"),
        ("flag.get()", "dict.get"),
    ]
    for one, other in ratios:
        if one in medians and other in medians:
            print(f"{medians[one] / medians[other]:8.2f}     {one} / {other}")


if __name__ == "__main__":
    main()
