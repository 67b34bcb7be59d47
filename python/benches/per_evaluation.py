"""Microseconds per evaluation through OpenFeature, and where they go, in one process and interleaved.

    pip install './python[openfeature]'
    python python/benches/per_evaluation.py

The SDK's own share is that of a provider that always answers the same. A loop without a call is subtracted.
Printed are the median of the rounds, and their middle half. Time is that of the processor.
"""

import hashlib
import json
import statistics
import tempfile
import time
from pathlib import Path

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider.no_op_provider import NoOpProvider

import flagstaff
from flagstaff.openfeature import FlagstaffProvider

API_KEY = "bench"
ROUNDS, CALLS = 101, 1_000
FLAGS = {"on": True, "limit": 50, "title": "a short text", "rules": {"limit": 5, "regions": ["eu", "us"]}}


class Constant(NoOpProvider):
    """What any provider costs."""

    def resolve_boolean_details(self, flag_key, default_value, evaluation_context=None):
        return FlagResolutionDetails(True, None, None, Reason.STATIC, None, {})


def nanoseconds(call):
    calls = range(CALLS)
    begun = time.thread_time_ns()
    for _ in calls:
        call()
    return (time.thread_time_ns() - begun) / CALLS


def main():
    with tempfile.TemporaryDirectory() as folder:
        cache = f"soasap_cache_{hashlib.sha256(API_KEY.encode()).hexdigest()[:8]}.json"
        (Path(folder) / cache).write_text(json.dumps(FLAGS))
        client = flagstaff.Client(API_KEY, base_url="http://127.0.0.1:9", cache_directory=folder)
        assert client.get_bool("on")
        provider, constant = FlagstaffProvider(client, events=False), Constant()
        api.set_provider_and_wait(provider, "ours")
        api.set_provider_and_wait(constant, "constant")
        ours, theirs, context = api.get_client("ours"), api.get_client("constant"), EvaluationContext()
        handle = client.bool_flag("on")
        calls = {
            "handle: `flag.get()`": lambda: handle.get(),
            'client: `get_bool("on")`': lambda: client.get_bool("on", False),
            "a constant provider, called by itself": lambda: constant.resolve_boolean_details(
                flag_key="on", default_value=False, evaluation_context=context
            ),
            "our provider, called by itself: boolean": lambda: provider.resolve_boolean_details(
                flag_key="on", default_value=False, evaluation_context=context
            ),
            "the same: integer": lambda: provider.resolve_integer_details(
                flag_key="limit", default_value=0, evaluation_context=context
            ),
            "the same: object": lambda: provider.resolve_object_details(
                flag_key="rules", default_value={}, evaluation_context=context
            ),
            "SDK with a constant provider": lambda: theirs.get_boolean_value("on", False),
            "SDK with our provider": lambda: ours.get_boolean_value("on", False),
        }
        times = {name: [] for name in ("", *calls)}
        for _ in range(ROUNDS):
            for name, call in {"": lambda: None, **calls}.items():
                times[name].append(nanoseconds(call))
        loop = statistics.median(times.pop(""))
        print("| what | us per call | middle half |\n|---|---|---|")
        for name, rounds in times.items():
            low, middle, high = ((each - loop) / 1000 for each in statistics.quantiles(rounds, n=4))
            print(f"| {name} | {middle:.2f} | {low:.2f} to {high:.2f} |")
        client.close()


if __name__ == "__main__":
    main()
