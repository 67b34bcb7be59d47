"""What code that reads flags needs."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class FlagReader(Protocol):
    """The getters: an annotation for code that reads flags, so that a test may pass a class of its own.

    A `Client`, a `Reader` and the SDK's client are such objects.
    """

    def get_bool(self, key: str, default: bool = False, /) -> bool:
        """Return a boolean flag, or `default`."""
        ...

    def get_flag(self, key: str, default: bool = False, /) -> bool:
        """Return the same as `get_bool`."""
        ...

    def get_number(self, key: str, default: float = 0, /) -> float:
        """Return a number flag, or `default`."""
        ...

    def get_string(self, key: str, default: str = "", /) -> str:
        """Return a string flag, or `default`."""
        ...

    def get_json(self, key: str, default: Any = None, /) -> Any:
        """Return a fresh dict or list of a JSON flag, or `default`."""
        ...


FlagReader.__module__ = "flagstaff"
