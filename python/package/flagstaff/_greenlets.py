"""Waiting under gevent and eventlet: other greenlets run meanwhile.

What counts is what `_thread` starts: where it is patched, that is a greenlet, and a wait that blocks its
thread blocks all of them.
"""

import _thread
from importlib import import_module


# By `import_module`, because type checkers know neither framework.
class _Gevent:
    def pause(self, seconds):
        import_module("gevent").sleep(seconds)

    def wait_readable(self, descriptor, seconds=None):
        try:
            import_module("gevent.socket").wait_read(descriptor, seconds, TimeoutError())
        except TimeoutError:
            pass


class _Eventlet:
    def pause(self, seconds):
        import_module("eventlet").sleep(seconds)

    def wait_readable(self, descriptor, seconds=None):
        trampoline = import_module("eventlet.hubs").trampoline
        try:
            trampoline(descriptor, read=True, timeout=seconds, timeout_exc=TimeoutError)
        except TimeoutError:
            pass


class _Greenlets:
    def __init__(self, framework):
        self.pause = framework.pause
        self.wait_readable = framework.wait_readable

    def wait_for_change(self, source, generation, seconds):
        """As `Client.wait_for_change`."""
        from time import monotonic

        from flagstaff._flagstaff import Watcher

        deadline = None if seconds is None else monotonic() + seconds
        # Before the look: a change after it is told.
        watcher = Watcher(source)
        try:
            while True:
                now = source.generation
                left = None if deadline is None else deadline - monotonic()
                if now != generation or (left is not None and left <= 0):
                    return now
                self.wait_readable(watcher.fileno(), left)
                watcher.drain()
        finally:
            watcher.close()


_FOUND = {"gevent": _Greenlets(_Gevent()), "eventlet": _Greenlets(_Eventlet())}


def found():
    """Return what waits for the greenlets that threads are here, or None where they are threads."""
    module = getattr(_thread.start_new_thread, "__module__", None) or ""
    return _FOUND.get(module.partition(".")[0])
