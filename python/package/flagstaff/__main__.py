"""`python -m flagstaff`: look at the flags of this host where only the package is installed.

The command `flagstaff` of the Rust crates shows more, and can change things.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from flagstaff import Reader

_STALE = 1
_USAGE = 2


def main(arguments=None):
    """Run a command, and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read this has enough. Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except _Failure as failure:
        print(f"flagstaff: {failure}", file=sys.stderr)
        return failure.code


class _Failure(Exception):
    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code


def _parser():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--file",
        default=os.environ.get("FLAGSTAFF_FILE") or None,
        help="snapshot file; without it FLAGSTAFF_FILE, or the only one in the cache directory",
    )
    parser = argparse.ArgumentParser(
        prog="python -m flagstaff", description="Look at the flags of this host."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run, name, text):
        made = commands.add_parser(name, parents=[common], help=text, description=text)
        made.set_defaults(run=run)
        return made

    status = command(_status, "status", "print the state of file, publisher and link")
    status.add_argument("--json", action="store_true", help="print one JSON object")
    status.add_argument("--check", action="store_true", help="exit code 1 if flags may be stale")
    get = command(_get, "get", "print the value of a flag, as JSON")
    get.add_argument("key")
    watch = command(_watch, "watch", "print each change as it comes")
    watch.add_argument("--json", action="store_true", help="print one JSON object for each change")
    watch.add_argument("--changes", type=int, metavar="N", help="end after so many publishes")
    command(_top, "top", "show state and flags, and go on showing them; needs a terminal")
    return parser


def _open(options):
    path = options.file or _only_file()
    try:
        return path, Reader(path)
    except Exception as error:
        raise _Failure(str(error)) from error


def _only_file():
    directory = os.environ.get("FLAGSTAFF_CACHE_DIR")
    if not directory:
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        directory = Path(data) / "soasap" / "cache"
    found = sorted(path for path in Path(directory).glob("*.flagstaff") if not path.name.startswith("."))
    if len(found) == 1:
        return found[0]
    what = "no snapshot file" if not found else f"{len(found)} snapshot files"
    listed = "".join(f"\n  {path}" for path in found)
    raise _Failure(f"{what} in {directory}; name one with --file or FLAGSTAFF_FILE{listed}", _USAGE)


def _facts(path, status):
    names = (
        "generation durable flags archive_bytes contact_age link link_age last_error last_error_age behind "
        "publisher publisher_uptime is_cold is_stale path"
    )
    facts = {name: getattr(status, name) for name in names.split()}
    published = status.published_at
    return {"file": str(path), **facts, "published_at": published and published.isoformat()}


def _status(options):
    path, reader = _open(options)
    status = reader.status()
    facts = _facts(path, status)
    if options.json:
        print(json.dumps(facts))
    else:
        print("\n".join(_lines(facts)))
    return _STALE if options.check and status.is_stale else 0


def _lines(facts):
    def ago(seconds):
        return "never" if seconds is None else f"{seconds:.1f} s ago"

    error = facts["last_error"]
    lines = {
        "state": "may be stale" if facts["is_stale"] else "fresh",
        "file": facts["file"],
        "path": {
            "same": "leads to this file",
            "missing": "leads to no file",
            "stuck": "leads to another file",
        }[facts["path"]],
        "generation": f"{facts['generation']}, on disk {facts['durable']}",
        "flags": facts["flags"],
        "published": facts["published_at"] or "never",
        "publisher": facts["publisher"],
        "link": facts["link"],
        "last contact": ago(facts["contact_age"]),
        "behind": facts["behind"],
        "last error": f"{error}, {ago(facts['last_error_age'])}" if error else "none",
    }
    return [_harmless(f"{name:13} {value}") for name, value in lines.items() if value is not None]


def _harmless(text):
    """What a terminal would act on, as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _get(options):
    path, reader = _open(options)
    with reader.snapshot() as flags:
        if options.key not in flags:
            raise _Failure(f"no flag {json.dumps(options.key)} in generation {flags.generation} of {path}")
        print(_text(flags[options.key]))
    return 0


def _text(value):
    text = json.dumps(value, ensure_ascii=False)
    return _harmless(text) if sys.stdout.isatty() else text


def _watch(options):
    _, reader = _open(options)
    before = reader.snapshot()
    left = options.changes
    while left is None or left > 0:
        reader.wait_for_change(before.generation, 1.0)
        now = reader.snapshot()
        if now.generation == before.generation:
            continue
        for key in sorted(before.keys() | now.keys()):
            _print_change(options, now.generation, key, before, now)
        sys.stdout.flush()
        before = now
        left = left and left - 1
    return 0


def _print_change(options, generation, key, before, now):
    change = "added" if key not in before else "removed" if key not in now else "changed"
    old, new = before.get(key), now.get(key)
    # As JSON, because 1, 1.0 and True are equal.
    if change == "changed" and json.dumps(old) == json.dumps(new):
        return
    if options.json:
        event = {"generation": generation, "key": key, "change": change}
        event |= {"old": old} if change != "added" else {}
        event |= {"new": new} if change != "removed" else {}
        print(json.dumps(event))
        return
    values = {"added": _text(new), "removed": _text(old), "changed": f"{_text(old)} -> {_text(new)}"}
    print(f"{time.strftime('%H:%M:%S')}  {generation}  {change}  {_harmless(key)}  {values[change]}")


def _top(options):
    if not sys.stdout.isatty():
        raise _Failure("top needs a terminal; use status or watch", _USAGE)
    path, reader = _open(options)
    while True:
        size = shutil.get_terminal_size()
        lines = _lines(_facts(path, reader.status()))
        with reader.snapshot() as flags:
            generation = flags.generation
            keys = sorted(flags)
            room = max(size.lines - len(lines) - 3, 0)
            lines.append("")
            lines += [_harmless(f"{key} = {json.dumps(flags[key])}") for key in keys[:room]]
        if len(keys) > room:
            lines.append(f"and {len(keys) - room} more; Ctrl-C ends")
        # Home, each line and what stood behind it, and what stood below.
        screen = "".join(f"{line[: size.columns]}\x1b[K\n" for line in lines)
        print(f"\x1b[H{screen}\x1b[J", end="", flush=True)
        reader.wait_for_change(generation, 1.0)


if __name__ == "__main__":
    sys.exit(main())
