"""Scenarios over the real provider, client and service: our own, and those of the specification where it is at hand.

The latter are in `specification/assets/gherkin` of the repository open-feature/spec on GitHub; the variable OPENFEATURE_SPECIFICATION
names that folder. What does not apply is skipped with its reason.
"""

import os
from pathlib import Path

from pytest_bdd import scenarios
from steps import *  # noqa: F403

scenarios("evaluation.feature")

if folder := os.environ.get("OPENFEATURE_SPECIFICATION"):
    # The deprecated `evaluation.feature` says the same in other sentences.
    for name in ("evaluation_v2", "hooks", "metadata", "contextMerging"):
        scenarios(str(Path(folder).resolve() / f"{name}.feature"))
