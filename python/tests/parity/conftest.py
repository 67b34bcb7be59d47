"""The service is that of the tests with Gunicorn."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "gunicorn"))
