"""The flags of the scenarios."""

import json
from pathlib import Path

OWN = {
    "on": True,
    "off": False,
    "title": "Grüße 🎏",
    "empty": "",
    "limit": 50,
    "big": 2**60,
    "exact": 2**53 + 1,
    "zero": 0,
    "rate": 0.25,
    "rules": {"a": [1, None], "b": {}},
    "list": [1, 2, 3],
    "hollow": {},
    "nothing": None,
}


def of_specification(folder):
    """The flags of the specification's suite: the values of their default variants, because a flag is a value here."""
    flags = json.loads((Path(folder) / "test-flags.json").read_text())
    return {
        key: flag["variants"][flag["defaultVariant"]]
        for key, flag in flags.items()
        if flag.get("defaultVariant")
    }
