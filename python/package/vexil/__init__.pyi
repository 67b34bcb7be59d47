from os import PathLike

from vexil._errors import DiskError as DiskError
from vexil._errors import NetworkError as NetworkError
from vexil._errors import ParserError as ParserError
from vexil._errors import SnapshotError as SnapshotError
from vexil._errors import VexilError as VexilError
from vexil._protocol import FlagReader as FlagReader
from vexil._options import SoasapClientOptions as SoasapClientOptions
from vexil._options import SoasapErrorContext as SoasapErrorContext
from vexil._options import SoasapErrorHandler as SoasapErrorHandler
from vexil._options import SoasapErrorSource as SoasapErrorSource
from vexil._vexil import BoolFlag as BoolFlag
from vexil._vexil import Change as Change
from vexil._vexil import Changes as Changes
from vexil._vexil import Client as Client
from vexil._vexil import JsonFlag as JsonFlag
from vexil._vexil import NumberFlag as NumberFlag
from vexil._vexil import Reader as Reader
from vexil._vexil import Snapshot as Snapshot
from vexil._vexil import Status as Status
from vexil._vexil import StringFlag as StringFlag
from vexil._vexil import __version__ as __version__

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
    "VexilError",
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
) -> Client: ...
