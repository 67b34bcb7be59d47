"""Feature flags in shared memory: one stream, one copy and one moment of change per host.

    from flagstaff import create_soasap_client

    flags = create_soasap_client(api_key=os.environ["SOASAP_API_KEY"])
    if flags.get_bool("new-checkout"):
        ...

`Client` is what that makes, `Reader` reads the file of a publisher such as `flagstaff run`.
"""

# Only what every process needs is imported here: the names of `_LAZY` are fetched when they are first used.
import atexit as _atexit
import os as _os
from _collections_abc import Mapping as _Mapping

from flagstaff import _background, _flagstaff, _greenlets
from flagstaff._flagstaff import (
    BoolFlag,
    Change,
    Changes,
    Client,
    JsonFlag,
    NumberFlag,
    Reader,
    Snapshot,
    Status,
    StringFlag,
    __version__,
)

__all__ = (
    "BoolFlag",
    "Change",
    "Changes",
    "Client",
    "DiskError",
    "FlagReader",
    "JsonFlag",
    "NetworkError",
    "NumberFlag",
    "ParserError",
    "Reader",
    "Snapshot",
    "SnapshotError",
    "SoasapClient",
    "SoasapClientOptions",
    "SoasapErrorContext",
    "SoasapErrorHandler",
    "SoasapErrorSource",
    "Status",
    "StringFlag",
    "FlagstaffError",
    "__version__",
    "create_soasap_client",
)

SoasapClient = Client

_DEFAULT_BASE_URL = "https://api.soasap.com"

_LAZY = {
    "DiskError": "flagstaff._errors",
    "FlagReader": "flagstaff._protocol",
    "NetworkError": "flagstaff._errors",
    "ParserError": "flagstaff._errors",
    "SnapshotError": "flagstaff._errors",
    "SoasapClientOptions": "flagstaff._options",
    "SoasapErrorContext": "flagstaff._options",
    "SoasapErrorHandler": "flagstaff._options",
    "SoasapErrorSource": "flagstaff._options",
    "FlagstaffError": "flagstaff._errors",
}


def create_soasap_client(
    options=None,
    *,
    api_key=None,
    base_url=_DEFAULT_BASE_URL,
    preload=False,
    cache_directory=None,
    on_error=None,
    guard=0.5,
):
    """Make a client of the feature flags of one environment.

    One is enough for a program; it may be made before a fork. Waits for no network: until the first flags
    have come, reads answer the last known ones, or the defaults.

    options: a `SoasapClientOptions`, instead of the other arguments.
    api_key: the key of the environment. A missing one raises `TypeError`, a blank one `ValueError`.
    base_url: the address of the service.
    preload: whether the background starts at once, and not with the first read.
    cache_directory: where the snapshot file is; by default `soasap/cache` in the user's local data.
    on_error: called with a `SoasapErrorContext` for trouble in the background. What is not callable
        raises `TypeError`.
    guard: the share of flags that one update may remove, or give another type, before it is held until
        somebody accepts it; None for no limit. Not in the SDK, and no part of `options`.
    """
    if options is not None:
        if isinstance(options, str):
            raise TypeError("options is a str, expected a SoasapClientOptions; pass the key as api_key=...")
        api_key = options.api_key or ""
        base_url = options.base_url
        preload = options.preload
        cache_directory = options.cache_directory
        on_error = options.on_error
    elif api_key is None:
        raise TypeError("api_key is missing; pass api_key=..., or options")
    return Client(
        api_key,
        base_url=base_url or _DEFAULT_BASE_URL,
        preload=bool(preload),
        cache_directory=cache_directory or None,
        on_error=on_error,
        guard=guard,
    )


def __getattr__(name):
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'flagstaff' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_LAZY})


def _init(self, *arguments, **named):
    """Take what `__new__` was given, so that a subclass may pass arguments on in an `__init__` of its own."""


for _class in (Client, Reader):
    _class.__init__ = _init

_flagstaff._start_by(_background.start, _greenlets.found)
_Mapping.register(Snapshot)
_atexit.register(_background.at_exit)
_os.register_at_fork(after_in_child=_flagstaff._after_fork)
