"""What a test asks a worker of Gunicorn, through a socket of its own: the worker that answers an HTTP request is chance.

With OBSERVE, a thread of each worker reads all the time and writes down each answer that is older than one that any worker gave before.
"""

import ctypes
import json
import mmap
import os
import socket
import threading
import time


def start(control):
    listener = socket.socket(socket.AF_UNIX)
    path = f"{control}/{os.getpid()}.sock"
    listener.bind(path + ".new")
    listener.listen()
    # The name says that it listens.
    os.rename(path + ".new", path)
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    if "OBSERVE" in os.environ:
        threading.Thread(target=observe, args=(control,), daemon=True).start()


def serve(listener):
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw") as stream:
            command = json.loads(stream.readline())
            answer = globals()["do_" + command.pop("do")](**command)
            stream.write(json.dumps(answer) + "\n")


def value(key, default):
    """An application without a client is asked too, so that what the instruments take is the same."""
    from application import flags

    if flags is None:
        return 0
    return flags.get_bool(key, default) if isinstance(default, bool) else flags.get_number(key, default)


def do_read():
    from application import second

    return [value("version", -1), value("known", False), second and second.get_number("version", -1)]


def do_errors():
    from application import errors

    return [[error.source.value, error.is_transient] for error in errors]


def do_features():
    """What OpenFeature answers here, its status, and the events of this process."""
    from application import events, features

    details = features.get_integer_details("version", -1)
    own = [[name, keys] for pid, name, keys in events if pid == os.getpid()]
    return {
        "value": details.value,
        "error": details.error_code and details.error_code.value,
        "is_ours": "flagSetId" in details.flag_metadata,
        "reason": str(details.reason.value),
        "status": features.get_provider_status().value,
        "events": own,
    }


def do_told():
    from application import told

    return told[-1:]


def do_watch(version, every, seconds):
    """Poll until `version` is answered. When the first such read had ended, and when the last one before had begun."""
    old = None
    deadline = time.monotonic() + seconds
    while True:
        begun = time.monotonic()
        if value("version", -1) >= version:
            return {"new": time.monotonic(), "old": old}
        old = begun
        if begun > deadline:
            return {"new": None, "old": old}
        time.sleep(every)


def observe(control):
    from application import flags

    # The newest version that any worker has answered. Aligned words: no reader sees half of one.
    with open(f"{control}/newest", "r+b") as file:
        shared = mmap.mmap(file.fileno(), 4096)
    newest = ctypes.c_uint64.from_buffer(shared)
    reads = ctypes.c_uint64.from_buffer(shared, 8)
    own = 0
    # The workers that are there before the first flags come find the new file one after the other, within some 5 ms. Those that
    # come later have it from their first read on.
    if newest.value == 0:
        while not flags.get_bool("known"):
            time.sleep(0.0005)
    while True:
        before = newest.value
        known = flags.get_bool("known")
        generation = flags.generation
        version = int(flags.get_number("version", 0))
        if version < before or generation < own or (before and not known):
            with open(f"{control}/violations", "a") as file:
                file.write(f"{os.getpid()}: {version} after {before}, {generation} after {own}, {known}\n")
        own = max(own, generation)
        # Two at once may lower it: that makes the check milder, not wrong.
        if version > newest.value:
            newest.value = version
        reads.value += 1
        time.sleep(0.0005)
