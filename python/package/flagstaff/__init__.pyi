from os import PathLike

from flagstaff._errors import DiskError as DiskError
from flagstaff._errors import NetworkError as NetworkError
from flagstaff._errors import ParserError as ParserError
from flagstaff._errors import SnapshotError as SnapshotError
from flagstaff._errors import FlagstaffError as FlagstaffError
from flagstaff._protocol import FlagReader as FlagReader
from flagstaff._options import SoasapClientOptions as SoasapClientOptions
from flagstaff._options import SoasapErrorContext as SoasapErrorContext
from flagstaff._options import SoasapErrorHandler as SoasapErrorHandler
from flagstaff._options import SoasapErrorSource as SoasapErrorSource
from flagstaff._flagstaff import BoolFlag as BoolFlag
from flagstaff._flagstaff import Change as Change
from flagstaff._flagstaff import Changes as Changes
from flagstaff._flagstaff import Client as Client
from flagstaff._flagstaff import JsonFlag as JsonFlag
from flagstaff._flagstaff import NumberFlag as NumberFlag
from flagstaff._flagstaff import Reader as Reader
from flagstaff._flagstaff import Snapshot as Snapshot
from flagstaff._flagstaff import Status as Status
from flagstaff._flagstaff import StringFlag as StringFlag
from flagstaff._flagstaff import __version__ as __version__

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

def create_soasap_client(
    options: SoasapClientOptions | None = None,
    *,
    api_key: str | None = None,
    base_url: str = "https://api.soasap.com",
    preload: bool = False,
    cache_directory: str | PathLike[str] | None = None,
    on_error: SoasapErrorHandler | None = None,
    guard: float | None = 0.5,
) -> Client: ...
