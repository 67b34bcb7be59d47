"""Flags in tests: in memory, changed by the test, without a file, a network or a thread.

    from flagstaff.testing import MemoryClient

    flags = MemoryClient({"new-checkout": True})
    with flags.override("new-checkout", False):
        ...

`in_memory(flags)` puts such a client where the application makes its own. Under pytest the fixture
`flagstaff_flags` is one, and `--flagstaff-strict FLAGS.json` fails the session for keys that are read and
missing in that file.
"""

import functools
import inspect
import json
from contextlib import contextmanager

from flagstaff._memory import _MISSING, MemoryClient

__all__ = ["MemoryClient", "in_memory", "override"]

# The clients that stand for those of the application, the newest last.
_installed: list = []


class override:
    """Other values of some flags, for a block or as a decorator: `override("key", value)`, `override({...})`.

    Seen by all threads and tasks of the process, as flags are. Of a class, all methods whose names begin with
    `test` are decorated. `client` is the one that `in_memory` has put in place, unless it is given.
    """

    def __init__(self, key, value=_MISSING, *, client=None):
        # Checked at once: a decorator with a wrong value should fail where it stands.
        self._values = MemoryClient()._checked(key, value)
        self._client = client
        self._layers = []

    def __enter__(self):
        client = self._client or _current()
        layer = dict(self._values)
        client._lay(layer)
        self._layers.append((client, layer))
        return client

    def __exit__(self, *exception):
        client, layer = self._layers.pop()
        client._lift(layer)

    def _again(self):
        # One for each call: calls may overlap.
        return override(self._values, client=self._client)

    def __call__(self, function):
        if isinstance(function, type):
            for name, method in list(vars(function).items()):
                if name.startswith("test") and inspect.isfunction(method):
                    setattr(function, name, self(method))
            return function
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def decorated(*arguments, **named):
                with self._again():
                    return await function(*arguments, **named)

        elif inspect.isgeneratorfunction(function):
            # A fixture that yields.
            @functools.wraps(function)
            def decorated(*arguments, **named):
                with self._again():
                    return (yield from function(*arguments, **named))

        else:

            @functools.wraps(function)
            def decorated(*arguments, **named):
                with self._again():
                    return function(*arguments, **named)

        return decorated


def _current():
    if not _installed:
        raise RuntimeError(
            "no client in memory is in place; use in_memory(), --flagstaff-flags, or client=..."
        )
    return _installed[-1]


@contextmanager
def in_memory(flags=None):
    """Within this block, what `create_soasap_client`, `Client` and `Reader` make is one client in memory.

    flags: a mapping, the path of a JSON file, or a `MemoryClient`. To be entered before the application is
    imported, because that makes its client, and may take `create_soasap_client` by its name. It keeps that
    client after the block.
    """
    client = flags if isinstance(flags, MemoryClient) else MemoryClient(_flags_of(flags))
    restore = install(client)
    try:
        yield client
    finally:
        restore()


def install(client):
    """What `in_memory` does when it is entered. Returns what undoes it."""
    import flagstaff

    class Kind(type):
        def __instancecheck__(cls, value):
            return isinstance(value, MemoryClient)

    class InMemory(metaclass=Kind):
        def __new__(cls, *arguments, **named):
            return client

    replaced = {name: getattr(flagstaff, name) for name in ("Client", "SoasapClient", "Reader")}
    replaced["create_soasap_client"] = flagstaff.create_soasap_client
    for name in replaced:
        setattr(flagstaff, name, InMemory)
    _installed.append(client)

    def restore():
        for name, value in replaced.items():
            setattr(flagstaff, name, value)
        _installed.remove(client)

    return restore


def _flags_of(flags):
    if flags is None or hasattr(flags, "keys"):
        return flags
    with open(flags, encoding="utf-8") as file:
        read = json.load(file)
    if not isinstance(read, dict):
        raise ValueError(f"{flags} holds a {type(read).__name__}, expected a JSON object of flags")
    return read
