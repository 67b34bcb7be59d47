"""A provider for OpenFeature: `pip install flagstaff[openfeature]`.

    from openfeature import api
    from flagstaff.openfeature import FlagstaffProvider

    api.set_provider_and_wait(FlagstaffProvider(create_soasap_client(api_key=...)))

docs/openfeature.md has more, with what is done for servers that fork.
"""

import os
import weakref
from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.hook import Hook
from openfeature.provider import AbstractProvider, Metadata, ProviderStatus

from flagstaff import _greenlets
from flagstaff import _openfeature_sdk as _sdk
from flagstaff._evaluation import BOOLEAN, FLOAT, INTEGER, OBJECT, STRING, Evaluator, NoValue
from flagstaff._flagstaff import Bell, Client, Reader, changes_between

__all__ = ["FlagstaffProvider"]

_REASONS = {"STATIC": Reason.STATIC, "STALE": Reason.STALE, "CACHED": Reason.CACHED}

_EVENTS = {
    ProviderStatus.READY: ProviderEvent.PROVIDER_READY,
    ProviderStatus.STALE: ProviderEvent.PROVIDER_STALE,
    ProviderStatus.ERROR: ProviderEvent.PROVIDER_ERROR,
}

# How long the SDK has for making a provider ready in its own thread, until its events are told anyhow.
_PATIENCE = 1.0


def _resolver(kind: str) -> Any:
    """The method for one type. Made here, because one more call would be a tenth of an evaluation."""

    def resolve(
        self: "FlagstaffProvider",
        flag_key: str,
        default_value: Any,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Any]:
        if self._is_down and not self._is_set_again():
            return _failed(default_value, NoValue("PROVIDER_NOT_READY", "the provider was shut down"))
        try:
            value, variant, reason, metadata = self._evaluate(flag_key, kind, evaluation_context)
        except NoValue as error:
            return _failed(default_value, error)
        return FlagResolutionDetails(value, None, None, _REASONS[reason], variant, metadata)

    return resolve


class FlagstaffProvider(AbstractProvider):
    """Answers OpenFeature's questions from a `Client` or a `Reader`, which stays yours to close.

    It may be set before a fork and works in every child. With `events`, one thread in each process
    tells READY, STALE, ERROR and CONFIGURATION_CHANGED. `hooks` run with every evaluation.
    """

    def __init__(self, source: Client | Reader, *, events: bool = True, hooks: Sequence[Hook] = ()) -> None:
        super().__init__()
        self._source: Any = source
        self._evaluator = Evaluator(source, self._look_at_process)
        self._evaluate = self._evaluator.evaluate
        self._metadata = Metadata(name="flagstaff")
        self._hooks = list(hooks)
        self._has_events = events
        self._is_down = False
        self._bell: Any = None
        self._process = 0
        # The flags of the last event, and whether this process has been told a state.
        self._seen: Any = None
        self._is_told = False
        _providers.add(self)

    def get_metadata(self) -> Metadata:
        return self._metadata

    def get_provider_hooks(self) -> list[Hook]:
        return self._hooks

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Begin with events. Waits for nothing: without flags, answers are PROVIDER_NOT_READY."""
        self._is_down = False
        # The SDK tells READY after this.
        self._is_told = True
        self._watch()

    def shutdown(self) -> None:
        """End the events. The client or reader goes on: who made it closes it. Once more does nothing."""
        self._is_down = True
        self._unwatch()

    def detach(self) -> None:
        super().detach()
        self._unwatch()

    resolve_boolean_details: Any = _resolver(BOOLEAN)
    resolve_string_details: Any = _resolver(STRING)
    resolve_integer_details: Any = _resolver(INTEGER)
    resolve_float_details: Any = _resolver(FLOAT)
    resolve_object_details: Any = _resolver(OBJECT)

    # The asynchronous ones are those of AbstractProvider, which call these: nothing here waits.

    def _is_set_again(self) -> bool:
        """Whether the SDK shut down, in a thread, what had been set anew meanwhile. It is attached then."""
        if not self._is_set():
            return False
        self._is_down = False
        self._watch()
        return True

    def _watch(self) -> None:
        self._process = os.getpid()
        if not self._has_events or self._bell is not None:
            return
        # Before the bell, which rings at once.
        self._seen = self._source.snapshot()
        # Seen weakly: a provider that is forgotten ends its own bell.
        ring = weakref.WeakMethod(self._look)

        def look() -> None:
            method = ring()
            if method is not None:
                method()

        if isinstance(self._source, (Client, Reader)):
            self._bell = Bell(self._source, look)
        else:
            # Flags in memory, for tests: they change only when the test says so.
            self._bell = self._source._bell(look)

    def _unwatch(self) -> None:
        bell, self._bell = self._bell, None
        if bell is not None:
            bell.close()

    def _look_at_process(self) -> None:
        if self._process != os.getpid():
            # A fork that Python was not told of, or with greenlets.
            _sdk.mend()
            self._begin_in_child()

    def _begin_in_child(self) -> None:
        """Tell what this process has to know, and events from now on. The parent's bell is not for it."""
        self._unwatch()
        self._is_told = False
        if self._is_set() and not self._is_down:
            self._watch()

    def _is_set(self) -> bool:
        return hasattr(self, "_on_emit")

    def _look(self) -> None:
        """Tell what is different. Called by the bell, one call at a time."""
        try:
            self._tell()
        except RuntimeError:
            # At the end of Python the pool of the SDK takes nothing any more.
            if not _sdk.is_ending():
                raise

    def _tell(self) -> None:
        if not self._is_set() or self._is_down:
            return
        deadline = monotonic() + _PATIENCE
        while _sdk.status_of(self) is ProviderStatus.NOT_READY and monotonic() < deadline:
            # A thread of the SDK is about to make it READY, which must not come after what is told here.
            sleep(0.001)
        status = self._source.status()
        state, details = _state_of(status)
        if not self._is_told or _sdk.status_of(self) is not state:
            self._is_told = True
            self.emit(_EVENTS[state], details)
        seen, now = self._seen, self._source.snapshot()
        self._seen = now
        keys = list(changes_of(seen, now))
        if keys:
            metadata: dict[str, bool | str | int | float] = {"version": str(now.generation)}
            self.emit_provider_configuration_changed(ProviderEventDetails(keys, metadata=metadata))


def changes_of(old: Any, new: Any) -> Sequence[str]:
    """The keys that are different."""
    try:
        return changes_between(old, new).keys
    except TypeError:
        # Flags in memory.
        return sorted(key for key in {*old, *new} if repr(old.get(key, ...)) != repr(new.get(key, ...)))


def _state_of(status: Any) -> tuple[ProviderStatus, ProviderEventDetails]:
    if not status.generation:
        message = f"no flags have come yet; {status.last_error or 'the stream is ' + status.link}"
        return ProviderStatus.ERROR, ProviderEventDetails(
            message=message, error_code=ErrorCode.PROVIDER_NOT_READY
        )
    if status.is_stale:
        message = status.last_error or f"the stream is {status.link}, the publisher {status.publisher}"
        return ProviderStatus.STALE, ProviderEventDetails(message=message)
    return ProviderStatus.READY, ProviderEventDetails()


def _failed(default: Any, error: NoValue) -> FlagResolutionDetails[Any]:
    return FlagResolutionDetails(
        default, ErrorCode(error.code), str(error), Reason.ERROR, None, error.metadata
    )


_providers: "weakref.WeakSet[FlagstaffProvider]" = weakref.WeakSet()


def _after_fork() -> None:
    _sdk.mend()
    has_greenlets = _greenlets.found() is not None  # type: ignore[no-untyped-call]
    for provider in list(_providers):
        if not provider._is_set():
            continue
        # A thread that was making it ready is not in this process.
        _sdk.make_ready(provider)
        provider._evaluator.look_again()
        # With greenlets the rest has to wait until their hub is whole again: the first evaluation does it.
        if not has_greenlets:
            provider._begin_in_child()


# After the handlers of `threading`, `logging` and this package, which are imported above.
os.register_at_fork(after_in_child=_after_fork)
