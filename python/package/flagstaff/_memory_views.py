"""What a client in memory hands out: values, snapshots, changes and a status."""

import json
from collections.abc import Mapping

_MISSING = object()


def plain(value):
    """A copy of a value as a payload would bring it. What is not JSON raises `TypeError` or `ValueError`."""
    value = json.loads(json.dumps(value, allow_nan=False))
    if type(value) is int and not -(2**63) <= value < 2**64:
        try:
            return float(value)
        except OverflowError:
            pass
    return value


def _text(key):
    """The key as a text that can be looked up, or None: no flag has such a key."""
    return str.__str__(key) if isinstance(key, str) else None


# What a getter takes, and which default it has. `None` for a value: there is none of this type.


def _bool(value):
    return value if type(value) is bool else None


def _number(value):
    if type(value) not in (int, float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _string(value):
    return value if type(value) is str else None


def _json(value):
    return plain(value) if type(value) in (dict, list) else None


class MemorySnapshot(Mapping):
    """All flags of one generation, as `flagstaff.Snapshot`."""

    def __init__(self, flags, generation, published_at, note):
        self._flags = flags
        self._note = note
        self.generation = generation
        self.published_at = published_at

    def __len__(self):
        return len(self._flags)

    def __iter__(self):
        return iter(sorted(self._flags))

    def __contains__(self, key):
        return self._find(key) is not _MISSING

    def __getitem__(self, key):
        value = self._find(key)
        if value is _MISSING:
            raise KeyError(key)
        return plain(value)

    def get(self, key, default=None):
        """The value of a flag, or `default` if there is none."""
        value = self._find(key)
        return default if value is _MISSING else plain(value)

    def _find(self, key):
        key = _text(key)
        self._note(key)
        return self._flags.get(key, _MISSING)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def __repr__(self):
        return f"<flagstaff.testing.MemorySnapshot generation={self.generation} flags={len(self)}>"


class MemoryChange:
    """One changed flag, as `flagstaff.Change`."""

    def __init__(self, key, old, new):
        self.key, self.old, self.new = key, old, new


class MemoryChanges:
    """What changed, as `flagstaff.Changes`."""

    def __init__(self, old, new):
        self.old, self.new = old, new
        self.generation = new.generation
        before, now = old._flags, new._flags
        # Not by `==`, which takes True for 1.
        differ = [key for key in {*before, *now} if repr(before.get(key, ...)) != repr(now.get(key, ...))]
        self.keys = tuple(sorted(differ))

    def __len__(self):
        return len(self.keys)

    def __iter__(self):
        value = lambda side, key: plain(side._flags.get(key))  # noqa: E731
        return iter([MemoryChange(key, value(self.old, key), value(self.new, key)) for key in self.keys])


class MemoryStatus:
    """State, as `flagstaff.Status`: all is well unless a test says otherwise."""

    link, publisher, path = "open", "alive", "same"
    contact_age = link_age = publisher_uptime = 0.0
    last_error = last_error_age = behind = None
    is_cold = is_stale = False

    def __init__(self, snapshot, fields):
        self.generation = self.durable = snapshot.generation
        self.published_at = snapshot.published_at
        self.flags = len(snapshot)
        self.archive_bytes = len(json.dumps(snapshot._flags))
        for name, value in fields.items():
            if not hasattr(self, name):
                raise TypeError(f"there is no {name!r} in a status")
            setattr(self, name, value)
