"""Flags that follow from two numbers, so that the service and whoever compares make the same ones."""

from __future__ import annotations

import random

# All around the lengths at which the code changes its way.
LENGTHS = (2, 6, 7, 8, 9, 16, 31, 32, 33, 47, 48, 49, 50, 63, 64, 65, 80, 128, 255, 256)
KEYS = [f"{number:02d}".ljust(length, "k") for number, length in enumerate(LENGTHS)]


def flags_of(seed, size):
    """A dict of `size` flags and some of `KEYS`; `n` is the seed."""
    made = random.Random(seed)

    def value():
        text = 'ä"' + "word " * made.choice([0, 1, 20, 150])
        return made.choice(
            [
                True,
                False,
                made.randrange(-(2**53), 2**53),
                made.randrange(1000) + 0.5,
                text,
                {"text": text},
                [1, None],
                None,
            ]
        )

    flags = {"n": seed}
    flags.update((key, value()) for key in KEYS if made.random() < 0.8)
    flags.update((f"cold-{number}", value()) for number in range(size))
    return flags
