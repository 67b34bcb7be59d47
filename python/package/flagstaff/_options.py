"""The SDK's options and what its error handler is told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from os import PathLike


class SoasapErrorSource(str, Enum):
    """Which part had trouble."""

    NETWORK = "network"
    DISK = "disk"
    PARSER = "parser"


@dataclass(frozen=True)
class SoasapErrorContext:
    """Trouble in the background. Flags are answered all the same."""

    exception: BaseException
    source: SoasapErrorSource
    is_transient: bool
    timestamp: datetime


SoasapErrorHandler = Callable[[SoasapErrorContext], object]


@dataclass
class SoasapClientOptions:
    """The arguments of `create_soasap_client` in one object."""

    api_key: str
    base_url: str = "https://api.soasap.com"
    preload: bool = False
    cache_directory: "str | PathLike[str] | None" = None
    on_error: "SoasapErrorHandler | None" = None


for _class in (SoasapErrorSource, SoasapErrorContext, SoasapClientOptions):
    _class.__module__ = "flagstaff"
