"""Milliseconds of import, and of process start to the first answer, beside soasap and the bare interpreter.

    python python/benches/start.py [flags] [--json FILE]

Each figure is the median of interleaved starts of a whole process. Both clients take the flags from what a
run before left on the disk.
"""

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from per_call import flags_of

ROUNDS = 21
NOWHERE = "http://127.0.0.1:9"
FIRST_ANSWER = """
from {module} import create_soasap_client
flags = create_soasap_client(api_key="bench", base_url="{nowhere}", cache_directory={folder!r})
assert flags.get_string("first") == "answer"
import os
os._exit(0)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("flags", nargs="?", type=int, default=50_000)
    parser.add_argument("--json", type=Path, help="also write the medians there")
    arguments = parser.parse_args()
    table = {**flags_of(arguments.flags), "first": "answer"}
    with tempfile.TemporaryDirectory() as folder:
        name = f"soasap_cache_{hashlib.sha256(b'bench').hexdigest()[:8]}.json"
        (Path(folder) / name).write_text(json.dumps(table))
        # Makes the snapshot file out of the SDK's cache.
        import flagstaff

        with flagstaff.create_soasap_client(
            api_key="bench", base_url=NOWHERE, cache_directory=folder
        ) as client:
            client.get_bool("start")
            while client.get_string("first") != "answer":
                time.sleep(0.01)
        programs = {
            "bare interpreter": "import os; os._exit(0)",
            "import flagstaff": "import os, flagstaff; os._exit(0)",
            "first answer": FIRST_ANSWER.format(module="flagstaff", nowhere=NOWHERE, folder=folder),
        }
        try:
            import soasap  # noqa: F401

            programs["import soasap"] = "import os, soasap; os._exit(0)"
            programs["first answer, soasap"] = FIRST_ANSWER.format(
                module="soasap", nowhere=NOWHERE, folder=folder
            )
        except ImportError:
            pass
        times = {name: [] for name in programs}
        for turn in range(ROUNDS + 1):
            for name, program in programs.items():
                begun = time.perf_counter()
                subprocess.run([sys.executable, "-c", program], check=True)
                if turn:
                    times[name].append((time.perf_counter() - begun) * 1000)
    medians = {name: statistics.median(values) for name, values in times.items()}
    if arguments.json:
        arguments.json.write_text(json.dumps(medians, indent=1))
    for name, milliseconds in medians.items():
        over = milliseconds - medians["bare interpreter"]
        print(f"{milliseconds:8.1f} ms  {name} ({over:+.1f} over the bare interpreter)")


if __name__ == "__main__":
    main()
