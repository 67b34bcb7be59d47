"""The application that runs under Gunicorn: its client is made at import, as users do it.

What it is to do comes from the environment: SDK (`flagstaff`, `soasap` or `none`), SERVICE, CACHE, MEMORY, API_KEY, SECOND_KEY,
READ_AT_IMPORT, CLOSE_AT_EXIT, LOCKS, OPENFEATURE, PATCH.
"""

import os

if "PATCH" in os.environ:
    # Before anything else, as gevent asks for: with --preload Gunicorn would do it after the import.
    from gevent import monkey

    monkey.patch_all()

import logging
import threading
import time


def make_client(api_key):
    sdk = os.environ["SDK"]
    if sdk == "none":
        return None
    options = {
        "api_key": api_key,
        "base_url": os.environ["SERVICE"],
        "cache_directory": os.environ["CACHE"],
        "on_error": errors.append,
    }
    if sdk == "soasap":
        from soasap import create_soasap_client

        return create_soasap_client(**options)
    import flagstaff

    if "MEMORY" in os.environ:
        return flagstaff.Client(memory_directory=os.environ["MEMORY"], **options)
    return flagstaff.create_soasap_client(**options)


errors = []
flags = make_client(os.environ.get("API_KEY", "test-key"))
second = make_client(os.environ["SECOND_KEY"]) if "SECOND_KEY" in os.environ else None
if flags and "READ_AT_IMPORT" in os.environ:
    flags.get_bool("known")
if flags and "CLOSE_AT_EXIT" in os.environ:
    import atexit

    atexit.register(flags.close)


# What OpenFeature tells this process: its number, the event, the changed keys.
events = []
features = None
if "OPENFEATURE" in os.environ:
    from openfeature import api
    from openfeature.event import ProviderEvent

    from flagstaff.openfeature import FlagstaffProvider

    for event in ProviderEvent:
        api.add_handler(
            event,
            lambda details, event=event: events.append([os.getpid(), event.value, details.flags_changed]),
        )
    # Without `_and_wait`, so that a fork may come before the thread of the SDK has made it ready.
    api.set_provider(FlagstaffProvider(flags))
    features = api.get_client()


# With LOCKS, requests, callbacks and the log share locks in which each of them waits a moment.
LOCKS = "LOCKS" in os.environ
lock = threading.Lock()
told = []


def renew_lock():
    global lock
    lock = threading.Lock()


# A callback may hold it in the master at the moment of a fork. The child has a copy that nobody gives back, and every
# request waits for it. That is what a lock of an application has to be made ready for, in whatever order modules are imported.
os.register_at_fork(after_in_child=renew_lock)


class SlowHandler(logging.Handler):
    def emit(self, record):
        time.sleep(0.001)
        self.format(record)


def changed(changes):
    with lock:
        time.sleep(0.001)
        told.append(changes.new.get("version"))
        logging.info("changed: %s", changes.keys)


if LOCKS:
    logging.basicConfig(level=logging.INFO, handlers=[SlowHandler()])
    flags.on_change(changed)


def app(environ, start_response):
    if LOCKS:
        with lock:
            time.sleep(0.001)
            logging.info("request")
    version = int(flags.get_number("version", -1)) if flags else 0
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %d" % (os.getpid(), version)]
