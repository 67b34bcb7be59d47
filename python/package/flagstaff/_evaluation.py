"""What a flag is for whoever asks: the one place where rules will look at the context.

    Evaluator(client).evaluate("new-checkout", BOOLEAN, context)

A flag is a value today, so the context is checked and otherwise left alone: however large or deep it is, it
costs nothing.
"""

from collections.abc import Mapping
from pathlib import PurePath
from time import monotonic
from typing import Any, NamedTuple

from flagstaff._overrides import reasons

# The types that can be asked for.
BOOLEAN, STRING, INTEGER, FLOAT, OBJECT = "boolean", "string", "integer", "float", "object"

# How long an answer may go on naming a state (fresh or stale) that is over. A look costs more than a read.
_LOOK_EVERY = 0.1

# Integers up to here are exact as floats.
_EXACT = 2**53

_MISSING: Any = object()


class Evaluation(NamedTuple):
    """An answer. There is no variant before there are rules."""

    value: Any
    variant: "str | None"
    reason: str
    metadata: "dict[str, bool | int | float | str]"


class NoValue(Exception):
    """There is no such answer; `code` is the one of OpenFeature."""

    def __init__(self, code: str, message: str, metadata: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.metadata = metadata or {}


_new = tuple.__new__


class Evaluator:
    """Answers from a `Client`, a `Reader` or the like. May be shared by threads and across a fork.

    `on_look` is called now and then, within `evaluate`.
    """

    def __init__(self, source: Any, on_look: Any = None) -> None:
        self._source = source
        self._on_look = on_look
        self._known: Any
        self.look_again()

    # The clock is in a default, where `freezegun` does not put its own.
    def evaluate(self, key: Any, kind: str, context: Any, _clock: Any = monotonic) -> Evaluation:
        """Return an `Evaluation`, or raise `NoValue`."""
        if context is not None:
            try:
                is_good = type(context.attributes) is dict and context.targeting_key is None
            except AttributeError:
                is_good = False
            if not is_good:
                _check_context(context)
        source = self._source
        # Value and generation of one moment, in most cases without a snapshot.
        generation = source.generation
        if kind is BOOLEAN:
            value = source.get_bool(key, _MISSING)
        elif kind is STRING:
            value = source.get_string(key, _MISSING)
        elif kind is OBJECT:
            value = source.get_json(key, _MISSING)
        else:
            value = source.get_number(key, _MISSING)
            if kind is INTEGER and value is not _MISSING:
                # Not whole, or beyond what a float has exactly: the snapshot knows.
                value = int(value) if -_EXACT < value < _EXACT and value.is_integer() else _MISSING
        snapshot = None
        if value is _MISSING or source.generation != generation:
            snapshot = source.snapshot()
            generation = snapshot.generation
        known = self._known
        if known[0] != generation or _clock() >= known[3]:
            known = self._look(generation, _clock)
        # A copy: hooks may write into it.
        metadata = known[2].copy()
        if known[4] and key in known[4]:
            metadata["overrideReason"] = known[4][key]
        if snapshot is not None:
            value = _from_snapshot(snapshot, key, kind, metadata)
        # Half of what the constructor of a named tuple costs.
        return _new(Evaluation, (value, None, known[1], metadata))

    def look_again(self) -> None:
        """Ask for the state with the next evaluation."""
        self._known = (None, "STATIC", {}, 0.0, {})

    def _look(self, generation, clock):
        if self._on_look is not None:
            self._on_look()
        status = self._source.status()
        metadata = {"version": str(generation), "flagSetId": PurePath(self._source.path).stem}
        reason = "STATIC"
        if status.is_stale:
            # What a checkpoint held when the host or the publisher started is known to nobody as current.
            reason = "CACHED" if status.is_cold else "STALE"
            if status.contact_age is not None:
                metadata["staleSeconds"] = status.contact_age
        # One assignment: no thread sees half of it.
        overridden = reasons(self._source.path)
        self._known = known = (generation, reason, metadata, clock() + _LOOK_EVERY, overridden)
        return known


def _check_context(context):
    try:
        key, attributes = context.targeting_key, context.attributes
    except AttributeError:
        key = attributes = _MISSING
    if (key is None or isinstance(key, str)) and (
        type(attributes) is dict or isinstance(attributes, Mapping)
    ):
        return
    raise NoValue(
        "INVALID_CONTEXT",
        "the context is no EvaluationContext with a text as key and a mapping of attributes",
    )


_TYPES = {BOOLEAN: bool, STRING: str, INTEGER: (int, float), FLOAT: (int, float), OBJECT: (dict, list)}


def _from_snapshot(snapshot, key, kind, metadata):
    """The value, or why there is none."""
    try:
        value = snapshot.get(key, _MISSING)
    except Exception as error:
        # The interpreter cannot make it: too deep for its stack, or a number of more digits than it takes.
        raise NoValue("PARSE_ERROR", f"the value of {key!r} cannot be made: {error}", metadata) from None
    if value is _MISSING:
        if not snapshot.generation:
            raise NoValue("PROVIDER_NOT_READY", "no flags have come yet", metadata)
        raise NoValue("FLAG_NOT_FOUND", f"there is no flag {key!r}", metadata)
    if isinstance(value, _TYPES[kind]) and (kind is BOOLEAN or not isinstance(value, bool)):
        try:
            if kind is FLOAT:
                return float(value)
            if kind is not INTEGER or int(value) == value:
                return int(value) if kind is INTEGER else value
        except OverflowError:
            pass
    found = "null" if value is None else type(value).__name__
    raise NoValue("TYPE_MISMATCH", f"flag {key!r} is {found} and no {kind}", metadata)
