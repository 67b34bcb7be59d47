"""Flags of every kind."""

FLAGS = {
    "on": True,
    "off": False,
    "limit": 50,
    "rate": 0.25,
    "negative": -3,
    "big": 2**60,
    "title": "Grüße 🎏",
    "empty": "",
    "rules": {"a": [1, 2.5, None, "x"], "b": {"c": True}},
    "list": [1, 2, 3],
    "nothing": None,
}
