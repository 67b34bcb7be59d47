"""Flags that somebody has set on this host, whatever the service says.

The publisher keeps them in a file beside the snapshot.
"""

import json
import os
from time import time

_MOST_BYTES = 8 << 20


def reasons(path):
    """Why each flag is overridden that is, by its key. None is where that cannot be found out."""
    folder, name = os.path.split(path)
    try:
        with open(os.path.join(folder, f".{name}.overrides"), "rb") as file:
            found = json.loads(file.read(_MOST_BYTES))["overrides"]
        # In microseconds. Those that are over stand there until their end is published.
        now = time() * 1e6
        return {one["key"]: str(one["reason"]) for one in found if one["ends_at"] > now}
    except (OSError, ValueError, TypeError, LookupError):
        return {}
