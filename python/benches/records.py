"""Runs all benchmarks of this folder and writes what they measured as `cargo xtask bench` reads it.

    python python/benches/records.py --out python.jsonl [--quick] [--workers 1 4 16]

The lines are those of `Record` in benches/src/record.rs; the goals are those of the package.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CALLS, WORKERS = "Python, one call", "Gunicorn workers beside soasap 1.0.3"
GOALS_PER_CALL = [
    ("get_bool(key)", None, 40, "ns"),
    ("get_bool(key)", "soasap get_bool(key)", 0.35, "ratio"),
    ("get_bool(key, default=False)", None, 52, "ns"),
    ("flag.get()", "dict.get", 0.7, "ratio"),
    ("get_number(key)", "soasap get_number(key)", 0.12, "ratio"),
    ("get_string(key)", "soasap get_string(key)", None, "ratio"),
    ("get_json(key)", "soasap get_json(key)", None, "ratio"),
]
# What the document calls it, its unit, and what it may be at 16 workers.
WORKER_ROWS = {
    "streams": ("streams to the service", "streams", 1),
    "megabytes": ("bytes per update", "MB", 2.5),
    "cpu": ("CPU of all workers per update", "ms", 60),
    "disagreement": ("an old answer after another worker's new one", "ms", 0.1),
    "spread": ("first to last worker seeing an update, each asking once a millisecond", "ms", None),
    "all_see": ("until all workers see an update", "ms", None),
    "memory": ("memory of all workers (PSS) over the app alone", "MiB", 24),
    "first_answer": ("start to first answer with a warm cache, over the app alone", "ms", None),
    "exit": ("SIGTERM to exit, over the app alone", "s", 0.5),
    "exit_closing": ("the same, if the app closes the client at exit", "s", None),
}


def run(program, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        command = [sys.executable, HERE / program, *map(str, arguments), "--json", out]
        subprocess.run(command, check=True, stdout=sys.stderr)
        return json.loads(out.read_text())


def figure(section, what, value, unit, most=None):
    goal = None if most is None else {"side": "most", "fat": most, "plain": None}
    return {
        "kind": "figure",
        "section": section,
        "what": what,
        "flags": None,
        "value": value,
        "unit": unit,
        "goal": goal,
    }


def point(section, table, row, column, value, unit):
    return {
        "kind": "point",
        "section": section,
        "table": table,
        "row": row,
        "column": str(column),
        "value": value,
        "unit": unit,
    }


def per_call():
    medians = run("per_call.py", 1000)
    for name, value in medians.items():
        yield point(CALLS, "ns per call, 1,000 flags, the loop subtracted", f"`{name}`", "ns", value, "ns")
    for name, beside, most, unit in GOALS_PER_CALL:
        if beside is None:
            yield figure(CALLS, f"Python `{name}`", medians[name], unit, most)
        elif beside in medians:
            ratio = medians[name] / medians[beside]
            yield figure(CALLS, f"Python `{name}` / `{beside}`", ratio, unit, most)


def start(flags):
    medians = run("start.py", flags)
    bare = medians["bare interpreter"]
    yield figure(CALLS, "`import flagstaff`, over the bare interpreter", medians["import flagstaff"] - bare, "ms", 5)
    what = f"start of a process to the first answer from the file, {flags:,} flags"
    yield figure(CALLS, what, medians["first answer"], "ms", 20)
    for name, value in medians.items():
        yield point(CALLS, f"ms of a whole process, {flags:,} flags", name, "ms", value, "ms")


def workers(counts, flags):
    about = run("workers.py", "--workers", *counts, "--flags", flags, "--rounds", 1)
    for one in about["figures"]:
        if one["sdk"] == "none":
            continue
        for name, (title, unit, most) in WORKER_ROWS.items():
            yield point(WORKERS, f"{title}, {unit}", one["sdk"], one["workers"], one[name], unit)
            if one["sdk"] == "flagstaff" and one["workers"] == 16 and most is not None:
                yield figure(WORKERS, f"16 Gunicorn workers: {title}", one[name], unit, most)
    yield {
        "kind": "note",
        "section": WORKERS,
        "text": f"{flags:,} flags, columns are numbers of workers. Responses are plain and stay open, "
        "the best case of soasap, which loses the connection with chunked ones. CPU is that of all "
        "workers over several updates, less what they take in the same time without any.",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="two workers, few flags: shows that it works")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 4, 16])
    arguments = parser.parse_args()
    counts, flags = ([2], 1000) if arguments.quick else (arguments.workers, 50_000)
    records = [*per_call(), *start(flags), *workers(counts, flags)]
    # The wheel is built as it ships, with whole-program optimisation.
    lines = [json.dumps("fat"), *map(json.dumps, records)]
    arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
