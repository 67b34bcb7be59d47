"""What the workers of Gunicorn pay: streams, bytes, CPU, moments, memory, exit; beside soasap and no client.

    pip install ./python soasap==1.0.3 gunicorn
    python python/benches/workers.py --workers 1 4 16 --flags 50000 --json workers.json

Each round measures everything once, interleaved; medians are shown. One client for each worker, made at
import, as the SDK asks for.

- The service sends plain responses that stay open, with 8 KiB of comment after each event. That is the best
  case of soasap, which loses the connection with chunked ones and waits for 4 KiB to be full. Both clients
  get the same; `--chunked --sdks flagstaff` is what servers send.
- CPU: utime and stime of all workers with all their threads over several updates; what they take in the same
  time without updates is subtracted. Nobody polls meanwhile. The master and the service are not counted.
- Moments: every worker polls each millisecond. "first to last": of the polls that first saw it, so that pause
  and the scheduler of the machine are in it. "disagreement": an old answer was asked for after another worker
  had given the new one; how long after. It is what one store makes 0, on any machine.
- Memory: PSS of all workers, 12 s after the updates, over that of the workers without any client.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).parents[1] / "tests"),
    str(Path(__file__).parents[1] / "tests" / "gunicorn"),
]

from flag_service import FlagService  # noqa: E402
from fleet import Fleet  # noqa: E402

from per_call import flags_of  # noqa: E402
from server import eventually  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
# soasap writes its cache within 2.5 s; that belongs to the update.
UPDATE_EVERY = 3.0
# flagstaff gives memory back 10 s after a large payload.
GIVEN_BACK = 12.0
MOMENTS = 5
STARTS = 3

ROWS = {
    "streams": "streams to the service",
    "megabytes": "bytes per update, MB",
    "cpu": "CPU of all workers per update, ms",
    "idle": "CPU of all workers without updates, ms/s",
    "disagreement": "disagreement of workers, ms",
    "disagreement_max": "the longest of all updates, ms",
    "spread": "first to last worker seeing an update, polled each ms, ms",
    "all_see": "until all workers see it, ms",
    "memory": "memory of all workers (PSS) over the app alone, MiB",
    "first_answer": "start to first answer with a warm cache, over the app alone, ms",
    "exit": "SIGTERM to exit, over the app alone, s",
    "exit_closing": "the same, if the app closes the client at exit, s",
}
OVER_ALONE = ("memory", "first_answer", "exit", "exit_closing")


def cpu_of(pids):
    """Seconds, threads that have ended included."""
    ticks = 0
    for pid in pids:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / TICK


def memory_of(pids):
    """MiB."""
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def wait_until_quiet(pids, seconds=1.0):
    last = [cpu_of(pids), time.monotonic()]

    def is_quiet():
        now = cpu_of(pids)
        if now > last[0] + 0.02:
            last[:] = now, time.monotonic()
        return time.monotonic() - last[1] > seconds

    eventually(is_quiet, seconds=60)


class Updates:
    def __init__(self, service, count):
        self.service, self.flags, self.version = service, flags_of(count), 0

    def publish(self):
        self.version += 1
        return self.service.publish({**self.flags, "known": True, "version": self.version})


def one(sdk, workers, flags, updates, chunked):
    with tempfile.TemporaryDirectory() as folder, FlagService(plain=not chunked) as service:
        service_updates = Updates(service, flags)
        service_updates.publish()
        begin = {"workers": workers, "sdk": sdk, "CACHE": f"{folder}/cache"}
        seen = starts(begin, folder, service, sdk)
        with Fleet(f"{folder}/last", service.url, CLOSE_AT_EXIT=1, **begin) as fleet:
            pids = ready(fleet, sdk, 1)
            wait_until_quiet(pids, UPDATE_EVERY)
            seen |= cost(service_updates, pids, updates if sdk != "none" else 1)
            if sdk != "none":
                eventually(lambda: fleet.see(service_updates.version), seconds=60)
                seen |= moments(service_updates, fleet, pids)
            else:
                # The instruments take memory too.
                fleet.ask_all("read")
                fleet.ask_all("watch", version=1, every=0.001, seconds=1)
            wait_until_quiet(pids, GIVEN_BACK if sdk != "none" else 1)
            seen["memory"] = memory_of(pids)
            assert fleet.pids() == pids, "a worker has died"
            seen["exit_closing"] = fleet.stop()
    return seen


def starts(begin, folder, service, sdk):
    first_answers, exits = [], []
    for turn in range(1 + STARTS):
        with Fleet(f"{folder}/{turn}", service.url, **begin) as fleet:
            # The first one fills the caches.
            if turn:
                first_answers.append(first_answer(fleet, sdk))
            wait_until_quiet(ready(fleet, sdk, 1))
            exits.append(fleet.stop())
    return {"first_answer": statistics.median(first_answers), "exit": statistics.median(exits)}


def ready(fleet, sdk, version):
    eventually(fleet.all_pids, seconds=60)
    if sdk != "none":
        eventually(lambda: fleet.see(version), seconds=60)
    return fleet.pids()


def first_answer(fleet, sdk):
    """Milliseconds from the start of Gunicorn to a request that is answered with the flag."""

    def answered():
        try:
            return fleet.get()[1] == (0 if sdk == "none" else 1)
        except OSError:
            return False

    eventually(answered, seconds=60)
    return (time.monotonic() - fleet.begun) * 1000


def cost(updates, pids, count):
    streams = len(updates.service.stats()["live"])
    before = cpu_of(pids)
    seconds = count * UPDATE_EVERY
    time.sleep(seconds)
    idle = cpu_of(pids) - before
    before, sent = cpu_of(pids), updates.service.stats()["bytes"]
    for _ in range(count):
        updates.publish()
        time.sleep(UPDATE_EVERY)
    spent = cpu_of(pids) - before - idle
    sent = updates.service.stats()["bytes"] - sent
    return {
        "streams": streams,
        "megabytes": sent / count / 1e6,
        "cpu": spent / count * 1000,
        "idle": idle / seconds * 1000,
    }


def moments(updates, fleet, pids):
    seen = {"spread": [], "disagreement": [], "all_see": []}
    with ThreadPoolExecutor(len(pids)) as pool:
        while len(seen["spread"]) < MOMENTS:
            version = updates.version + 1
            asked = [
                pool.submit(fleet.ask, pid, "watch", version=version, every=0.001, seconds=60) for pid in pids
            ]
            # Long enough for all to poll; those that did not are found below.
            time.sleep(0.5)
            # When the service began to send.
            begun = updates.publish()["now"]
            answers = [one.result() for one in asked]
            if any(one["old"] is None for one in answers):
                continue
            first, last = (f(one["new"] for one in answers) for f in (min, max))
            seen["spread"].append((last - first) * 1000)
            seen["disagreement"].append(max(0.0, max(one["old"] for one in answers) - first) * 1000)
            seen["all_see"].append((last - begun) * 1000)
    return {
        "spread": statistics.median(seen["spread"]),
        "disagreement": statistics.median(seen["disagreement"]),
        "disagreement_max": max(seen["disagreement"]),
        "all_see": statistics.median(seen["all_see"]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--flags", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=4)
    parser.add_argument("--sdks", nargs="+", default=["soasap", "flagstaff"])
    parser.add_argument(
        "--chunked", action="store_true", help="as servers send; soasap does not work with it"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rounds = {}
    for turn in range(arguments.rounds):
        for workers in arguments.workers:
            alone = None
            for sdk in ("none", *arguments.sdks):
                seen = one(sdk, workers, arguments.flags, arguments.updates, arguments.chunked)
                alone = alone or seen
                for name in OVER_ALONE:
                    seen[name + "_alone"] = alone[name]
                    if seen is not alone:
                        seen[name] -= alone[name]
                rounds.setdefault((workers, sdk), []).append(seen)
                print(
                    f"# round {turn + 1}, {workers} workers, {sdk}: {rounded(seen)}",
                    file=sys.stderr,
                    flush=True,
                )
    figures = [
        {"workers": workers, "sdk": sdk, **rounded({name: middle(name, seen) for name in seen[0]})}
        for (workers, sdk), seen in rounds.items()
    ]
    show(figures, arguments.sdks)
    if arguments.json:
        about = {
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "flags": arguments.flags,
            "rounds": arguments.rounds,
            "updates": arguments.updates,
            "chunked": arguments.chunked,
        }
        arguments.json.write_text(json.dumps({**about, "figures": figures}, indent=1) + "\n")


def middle(name, rounds):
    return (max if name.endswith("_max") else statistics.median)(one[name] for one in rounds)


def rounded(seen):
    return {name: round(value, 3) for name, value in seen.items()}


def show(figures, sdks):
    for workers in sorted({one["workers"] for one in figures}):
        of = {one["sdk"]: one for one in figures if one["workers"] == workers}
        print(f"\n| {workers} workers | {' | '.join(sdks)} | app alone |\n|---|{'---|' * (len(sdks) + 1)}")
        for name, title in ROWS.items():
            cells = [f"{of[sdk][name]:.4g}" for sdk in sdks]
            alone = f"{of['none'][name]:.4g}" if name in OVER_ALONE else ""
            print(f"| {title} | {' | '.join(cells)} | {alone} |")


if __name__ == "__main__":
    main()
