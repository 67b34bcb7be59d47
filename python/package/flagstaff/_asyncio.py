"""Waiting for changes in an event loop.

All waits of one loop for one client share a watcher: one thread and one descriptor, however many they are. It
ends half a second after the last of them, also when that one is cancelled.
"""

import asyncio

from flagstaff._flagstaff import Watcher, changes_between

# By loop and client or reader. Both are kept alive by the hub, so that nobody else gets their ids.
_hubs: dict = {}


class _Hub:
    def __init__(self, loop, source):
        self.loop = loop
        self.source = source
        self.users = 0
        self._waiting = set()
        self._watcher = Watcher(source)
        loop.add_reader(self._watcher.fileno(), self._wake)

    def next_change(self):
        """Return a future that is done with the next change."""
        future = self.loop.create_future()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        return future

    def close(self):
        if not self.loop.is_closed():
            self.loop.remove_reader(self._watcher.fileno())
        self._watcher.close()

    def _wake(self):
        self._watcher.drain()
        for future in list(self._waiting):
            if not future.done():
                future.set_result(None)


class _Joined:
    """Use of the hub of the running loop."""

    def __init__(self, source):
        self._source = source

    def __enter__(self):
        loop = asyncio.get_running_loop()
        for key, hub in list(_hubs.items()):
            # Its users were never told that they are gone.
            if hub.loop.is_closed():
                _hubs.pop(key, None)
                hub.close()
        self._key = (id(loop), id(self._source))
        hub = _hubs.get(self._key)
        if hub is None:
            hub = _hubs[self._key] = _Hub(loop, self._source)
        hub.users += 1
        self._hub = hub
        return hub

    def __exit__(self, *exception):
        self._hub.users -= 1
        if not self._hub.users and _hubs.get(self._key) is self._hub:
            del _hubs[self._key]
            self._hub.close()


async def wait_for_change(source, generation=None, timeout=None):
    """Wait for another generation than `generation`, at most `timeout` seconds, and return the current."""
    if generation is None:
        generation = source.generation
    with _Joined(source) as hub:
        return await _wait(hub, source, generation, timeout)


def changes(source):
    """Iterate over what changes from now on."""
    return _changes(source, source.snapshot())


async def _changes(source, seen):
    with _Joined(source) as hub:
        while True:
            await _wait(hub, source, seen.generation, None)
            now = source.snapshot()
            changed = changes_between(seen, now)
            seen = now
            # A file that was made anew holds the same flags under another generation.
            if len(changed):
                yield changed


async def _wait(hub, source, generation, timeout):
    deadline = None if timeout is None else hub.loop.time() + timeout
    while True:
        # Before the look: a change after it is told.
        future = hub.next_change()
        try:
            now = source.generation
            if now != generation:
                return now
            left = None if deadline is None else deadline - hub.loop.time()
            if left is not None and left <= 0:
                return now
            await asyncio.wait((future,), timeout=left)
        finally:
            # A wait that the collector ends, when its loop is closed: that has no use for callbacks any more.
            if not hub.loop.is_closed():
                future.cancel()
