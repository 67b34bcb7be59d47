"""What OpenFeature's SDK leaves broken in a forked child, mended here: see docs/openfeature-upstream.md.

Its handlers run in threads of a pool that is made at import. A child has a copy of the pool without the
threads. Its locks are copied as they are, held by threads that are not there. All is private to the SDK:
what is not found is left alone.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor, thread
from typing import Any

from openfeature import _event_support
from openfeature.provider import ProviderStatus, _registry

_pool_of = [os.getpid()]


def mend() -> None:
    """Make pool and locks work in this process, once."""
    if _pool_of[0] == os.getpid():
        return
    _pool_of[0] = os.getpid()
    if isinstance(getattr(_event_support, "_event_executor", None), ThreadPoolExecutor):
        _event_support._event_executor = ThreadPoolExecutor(thread_name_prefix="openfeature-event-handler")
    registry = getattr(_registry, "provider_registry", None)
    locks = ((_event_support, "_global_lock"), (_event_support, "_client_lock"), (registry, "_lock"))
    for owner, name in locks:
        if hasattr(owner, name) and not _is_own(getattr(owner, name)):
            setattr(owner, name, threading.RLock())


def status_of(provider: Any) -> Any:
    """The status that the SDK's clients see, or None."""
    registry = getattr(_registry, "provider_registry", None)
    return registry.get_provider_status(provider) if registry else None


def make_ready(provider: Any) -> None:
    """Let the SDK's clients ask a provider that it takes for not ready. Handlers are told later."""
    statuses = getattr(getattr(_registry, "provider_registry", None), "_provider_status", None)
    if isinstance(statuses, dict) and statuses.get(provider) is ProviderStatus.NOT_READY:
        statuses[provider] = ProviderStatus.READY


def is_ending() -> bool:
    """Whether Python ends, and has told the pools of threads."""
    return bool(getattr(thread, "_shutdown", False))


def _is_own(lock: Any) -> bool:
    """Whether the thread that forked holds it, and will give it back."""
    is_owned = getattr(lock, "_is_owned", None)
    return bool(is_owned and is_owned())
