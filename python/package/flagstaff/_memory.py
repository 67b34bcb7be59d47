"""Flags in memory, with the interface of a client: no file, no network, no thread: see `testing`."""

import threading
from collections.abc import Mapping
from datetime import datetime, timezone

from flagstaff._memory_views import (
    _MISSING,
    MemoryChange,
    MemoryChanges,
    MemorySnapshot,
    MemoryStatus,
    _bool,
    _json,
    _number,
    _string,
    _text,
    plain,
)

__all__ = ["MemoryChange", "MemoryChanges", "MemoryClient", "MemorySnapshot", "MemoryStatus"]

# As many snapshots before the current one are remembered, for `changes_since`.
_HISTORY = 64


class MemoryFlag:
    """A handle, as those of a client."""

    def __init__(self, client, take, key, default):
        if not isinstance(key, str):
            raise TypeError(f"the key is a {type(key).__name__}, expected a str")
        self._client, self._take = client, take
        self.key, self.default = key, default

    def get(self):
        """The value now. Never raises."""
        return self._client._value(self._take, self.key, self.default)

    def __bool__(self):
        return bool(self.get())


def _getter(name, take, own, doc):
    def get(self, *arguments, **named):
        names = ("key", "default")
        if len(arguments) > 2:
            raise TypeError(f"{name}() takes at most 2 arguments")
        given = dict(zip(names, arguments, strict=False))
        for argument, value in named.items():
            argument = {"flag_key": "key", "default_value": "default"}.get(argument, argument)
            if argument not in names or argument in given:
                raise TypeError(f"{name}() got an unexpected or repeated argument {argument!r}")
            given[argument] = value
        if "key" not in given:
            raise TypeError(f"{name}() needs a key")
        return self._value(take, given["key"], given.get("default", own))

    get.__name__, get.__qualname__, get.__doc__ = name, f"MemoryClient.{name}", doc
    get.__text_signature__ = f"($self, key, default={own!r})"
    return get


class MemoryClient:
    """Flags in memory, with all that a `Client` has, and `set`, `delete`, `override` and `set_status`.

    Callbacks of `on_change` run before `set` returns, in the thread that calls it. May be shared by threads
    and event loops.
    """

    def __init__(self, flags=None):
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._base = {}
        # What is laid over them, the newest last. Each is taken away by itself, in any order.
        self._layers = []
        self._status = {}
        self._callbacks = []
        self._bells = []
        self._loops = []
        # Keys that were read, for `--flagstaff-strict`.
        self.reads = set()
        self._now = self._snapshot_of({}, 0)
        # Those before, of which `changes_since` knows.
        self._past = []
        if flags:
            self.set(flags)

    def set(self, key, value=_MISSING):
        """Set one flag, or all flags of a mapping."""
        given = self._checked(key, value)
        with self._lock:
            self._base = {**self._base, **given}
            told = self._publish()
        self._tell(told)

    def delete(self, key):
        """Take a flag away. One that is missing stays so."""
        with self._lock:
            self._base = {name: value for name, value in self._base.items() if name != key}
            told = self._publish()
        self._tell(told)

    def override(self, key, value=_MISSING):
        """Other values within a `with` block, or in a function, coroutine or class that this decorates."""
        from flagstaff.testing import override

        return override(key, value, client=self)

    def set_status(self, **fields):
        """Change what `status()` says, as `set_status(is_stale=True)`; without fields all is well again."""
        MemoryStatus(self._now, fields)
        with self._lock:
            self._status = fields
            self._changed.notify_all()
        for bell in list(self._bells):
            bell.call()

    get_bool = _getter("get_bool", _bool, False, "A boolean flag, or `default`.")
    get_flag = _getter("get_flag", _bool, False, "The same as `get_bool`.")
    get_number = _getter("get_number", _number, 0, "A number flag as a float, or `default`.")
    get_string = _getter("get_string", _string, "", "A string flag, or `default`.")
    get_json = _getter("get_json", _json, None, "A fresh dict or list of a JSON flag, or `default`.")

    def bool_flag(self, key, default=False):
        """A handle to a boolean flag."""
        if not isinstance(default, bool):
            raise TypeError(f"the default is a {type(default).__name__}, expected a bool")
        return MemoryFlag(self, _bool, key, default)

    def number_flag(self, key, default=0):
        """A handle to a number flag."""
        return MemoryFlag(self, _number, key, default)

    def string_flag(self, key, default=""):
        """A handle to a string flag."""
        return MemoryFlag(self, _string, key, default)

    def json_flag(self, key, default=None):
        """A handle to a JSON flag."""
        return MemoryFlag(self, _json, key, default)

    def get_many(self, keys):
        """Flags of any type, all of one generation, as a list in the order of `keys`."""
        now = self._now
        return [now.get(key) if isinstance(key, str) else None for key in keys]

    def snapshot(self):
        """All flags of the current generation, as a mapping that never changes."""
        return self._now

    def status(self):
        """State of flags, stream and publisher."""
        return MemoryStatus(self._now, self._status)

    @property
    def generation(self):
        """The current generation; 0 if nothing has been set."""
        return self._now.generation

    @property
    def path(self):
        """No path: there is no file."""
        return "memory"

    def wait_until_ready(self, timeout=None):
        """True as soon as there are flags that are not stale."""
        ready = lambda: self._now.generation > 0 and not self.status().is_stale  # noqa: E731
        with self._changed:
            return self._changed.wait_for(ready, timeout)

    def wait_for_change(self, generation, timeout=None):
        """Wait for another generation than `generation`, and return the current one."""
        with self._changed:
            self._changed.wait_for(lambda: self._now.generation != generation, timeout)
        return self._now.generation

    def changes_since(self, generation):
        """The current generation, and the keys that may have changed since `generation`, or None."""
        with self._lock:
            now = self._now
            old = next((one for one in [*self._past, now] if one.generation == generation), None)
        if old is None or old._flags.keys() != now._flags.keys():
            return now.generation, None
        return now.generation, list(MemoryChanges(old, now).keys)

    def wait_for_changes(self, generation, timeout=None):
        """As `wait_for_change`, and returns what `changes_since` returns."""
        self.wait_for_change(generation, timeout)
        return self.changes_since(generation)

    async def wait_for_change_async(self, generation=None, timeout=None):
        """As `wait_for_change`, for asyncio."""
        import asyncio

        seen = self._now.generation if generation is None else generation
        waits = (asyncio.get_running_loop(), asyncio.Event())
        self._loops.append(waits)
        try:
            if self._now.generation == seen:
                await asyncio.wait_for(waits[1].wait(), timeout)
        except asyncio.TimeoutError:
            pass
        finally:
            self._loops.remove(waits)
        return self._now.generation

    def changes(self):
        """An asynchronous iterator over what changes, from now on."""
        return self._changes(self._now)

    async def _changes(self, seen):
        while True:
            await self.wait_for_change_async(seen.generation)
            changes, seen = MemoryChanges(seen, self._now), self._now
            if len(changes):
                yield changes

    def on_change(self, callback):
        """Call `callback(changes)` with what changed, from now on."""
        if not callable(callback):
            kind = type(callback).__name__
            raise TypeError(f"callback is a {kind}, expected a function or another callable")
        self._callbacks.append(callback)

    def close(self, timeout=None):
        """Call nobody any more. Reads go on."""
        self._callbacks.clear()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __repr__(self):
        return f"<flagstaff.testing.MemoryClient generation={self.generation} flags={len(self._now)}>"

    def _bell(self, callback):
        return _Bell(self, callback)

    def _value(self, take, key, default):
        key = _text(key)
        self._note(key)
        value = take(self._now._flags.get(key))
        return default if value is None else value

    def _note(self, key):
        if key is not None:
            self.reads.add(key)

    def _checked(self, key, value):
        given = key if value is _MISSING else {key: value}
        if not isinstance(given, Mapping):
            raise TypeError("expected a key and a value, or a mapping of flags")
        for name in given:
            if not isinstance(name, str):
                raise TypeError(f"the key {name!r} is no str")
        return {name: plain(value) for name, value in given.items()}

    def _lay(self, layer):
        with self._lock:
            self._layers.append(layer)
            told = self._publish()
        self._tell(told)

    def _lift(self, layer):
        with self._lock:
            # By identity: two that are equal are two.
            self._layers = [other for other in self._layers if other is not layer]
            told = self._publish()
        self._tell(told)

    def _snapshot_of(self, flags, generation):
        published_at = datetime.now(timezone.utc) if generation else None
        return MemorySnapshot(flags, generation, published_at, self._note)

    def _publish(self):
        flags = dict(self._base)
        for layer in self._layers:
            flags.update(layer)
        old, self._now = self._now, self._snapshot_of(flags, self._now.generation + 1)
        self._past = [*self._past, old][-_HISTORY:]
        self._changed.notify_all()
        return MemoryChanges(old, self._now)

    def _tell(self, changes):
        # Without the lock: a callback may read, set and wait.
        for loop, event in list(self._loops):
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:
                # Its loop is closed.
                pass
        for callback in [*self._callbacks, *self._bells] if len(changes) else ():
            try:
                callback.call() if isinstance(callback, _Bell) else callback(changes)
            except Exception:
                import logging

                message = "the change callback raised; it will be called again all the same"
                logging.getLogger("flagstaff").exception(message)


class _Bell:
    """As the native one of a client."""

    def __init__(self, client, call):
        self.call = call
        self._client = client
        client._bells.append(self)

    def close(self):
        if self in self._client._bells:
            self._client._bells.remove(self)
