"""Runs all benchmarks of this folder and writes what they measured as `cargo xtask bench` reads it.

    python python/benches/records.py --out python.jsonl [--quick] [--workers 1 4 16]

The lines are those of `Record` in benches/src/record.rs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CALLS, WORKERS = "Python, one call", "Gunicorn workers beside soasap 1.0.3"
RATIOS_PER_CALL = [
    ("get_bool(key)", None, "ns"),
    ("get_bool(key)", "soasap get_bool(key)", "ratio"),
    ("get_bool(key, default=False)", None, "ns"),
    ("flag.get()", "dict.get", "ratio"),
    ("get_number(key)", "soasap get_number(key)", "ratio"),
    ("get_string(key)", "soasap get_string(key)", "ratio"),
    ("get_json(key)", "soasap get_json(key)", "ratio"),
]
# What the document calls it, and its unit.
WORKER_ROWS = {
    "streams": ("streams to the service", "streams"),
    "megabytes": ("bytes per update", "MB"),
    "cpu": ("CPU of all workers per update", "ms"),
    "disagreement": ("an old answer after another worker's new one", "ms"),
    "spread": ("first to last worker seeing an update, each asking once a millisecond", "ms"),
    "all_see": ("until all workers see an update", "ms"),
    "memory": ("memory of all workers (PSS) over the app alone", "MiB"),
    "first_answer": ("start to first answer with a warm cache, over the app alone", "ms"),
    "exit": ("SIGTERM to exit, over the app alone", "s"),
    "exit_closing": ("the same, if the app closes the client at exit", "s"),
}


def run(program, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        command = [sys.executable, HERE / program, *map(str, arguments), "--json", out]
        subprocess.run(command, check=True, stdout=sys.stderr)
        return json.loads(out.read_text())


def figure(section, what, value, unit):
    return {
        "kind": "figure",
        "section": section,
        "what": what,
        "flags": None,
        "value": value,
        "unit": unit,
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
    for name, beside, unit in RATIOS_PER_CALL:
        if beside is None:
            yield figure(CALLS, f"Python `{name}`", medians[name], unit)
        elif beside in medians:
            ratio = medians[name] / medians[beside]
            yield figure(CALLS, f"Python `{name}` / `{beside}`", ratio, unit)


def start(flags):
    medians = run("start.py", flags)
    bare = medians["bare interpreter"]
    yield figure(
        CALLS, "`import flagstaff`, over the bare interpreter", medians["import flagstaff"] - bare, "ms"
    )
    what = f"start of a process to the first answer from the file, {flags:,} flags"
    yield figure(CALLS, what, medians["first answer"], "ms")
    for name, value in medians.items():
        yield point(CALLS, f"ms of a whole process, {flags:,} flags", name, "ms", value, "ms")


def workers(counts, flags):
    about = run("workers.py", "--workers", *counts, "--flags", flags, "--rounds", 1)
    for one in about["figures"]:
        if one["sdk"] == "none":
            continue
        for name, (title, unit) in WORKER_ROWS.items():
            yield point(WORKERS, f"{title}, {unit}", one["sdk"], one["workers"], one[name], unit)
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
