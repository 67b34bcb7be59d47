"""What can go wrong. The bases beside `VexilError` are what users of the SDK catch."""


class VexilError(Exception):
    """Base of all exceptions of this package."""


class NetworkError(VexilError, OSError):
    """The stream from the service has trouble. Reaches `on_error` as `ctx.exception`."""


class DiskError(VexilError, OSError):
    """The snapshot file or its lock has trouble. Reaches `on_error` as `ctx.exception`."""


class ParserError(VexilError, ValueError):
    """A payload was refused as a whole. Reaches `on_error` as `ctx.exception`."""


class SnapshotError(VexilError):
    """A `Reader` cannot be made: there is no snapshot file at its path, or none that it can read."""


for _class in (VexilError, NetworkError, DiskError, ParserError, SnapshotError):
    _class.__module__ = "vexil"
