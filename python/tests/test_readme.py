"""The Python block of README.md does what README.md says; the installation before it is what has installed this package."""

import os
import re
import subprocess
import sys
from pathlib import Path

from server import serving

README = Path(__file__).parent.parent.parent / "README.md"


def test_the_python_block_of_the_readme_prints_what_it_says(tmp_path):
    block = re.search(
        r"<!-- command: python -->\n```sh\n(?P<shell>.*?)<<'END'\n(?P<code>.*?)END\n```\n```text\n(?P<output>.*?)```",
        README.read_text(),
        re.DOTALL,
    )
    assert block, "README.md has no block after <!-- command: python -->"
    assert "pip install --quiet ./python\n" in block["shell"]
    with serving({"new-checkout": True, "cart-limit": 50, "banner": "Hello"}) as server:
        done = subprocess.run(
            [sys.executable, "-c", block["code"].replace("http://127.0.0.1:7878", server.url)],
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout == block["output"]
