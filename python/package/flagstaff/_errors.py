"""What can go wrong. The bases beside `FlagstaffError` are what users of the SDK catch."""


class FlagstaffError(Exception):
    """Base of all exceptions of this package."""


class NetworkError(FlagstaffError, OSError):
    """The stream from the service has trouble. Reaches `on_error` as `ctx.exception`."""


class DiskError(FlagstaffError, OSError):
    """The snapshot file or its lock has trouble. Reaches `on_error` as `ctx.exception`."""


class ParserError(FlagstaffError, ValueError):
    """A payload was refused as a whole. Reaches `on_error` as `ctx.exception`."""


class SnapshotError(FlagstaffError):
    """A `Reader` cannot be made: there is no snapshot file at its path, or none that it can read."""


for _class in (FlagstaffError, NetworkError, DiskError, ParserError, SnapshotError):
    _class.__module__ = "flagstaff"
