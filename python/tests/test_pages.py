"""The pages for servers show code that runs: that of the example which the page links, or a block that is run here."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def plain(code):
    """Without comments and layout."""
    return re.sub(r"\s", "", re.sub(r"#.*", "", code)).replace(",)", ")")


@pytest.mark.parametrize("name", ["celery", "django", "fastapi", "gunicorn"])
def test_the_code_of_a_page_is_that_of_its_example(name):
    page = f"tutorial-{name}.md"
    link = re.search(r"\]\(\.\./(python/examples/\w+_app\.py)\)", (ROOT / "docs" / page).read_text())[1]
    example = plain((ROOT / link).read_text())
    shown = [block for block in blocks(page) if "override_settings" not in block]
    assert shown
    for part in "\n\n".join(shown).split("\n\n"):
        assert plain(part).rstrip(",") in example, f"{link} has no\n{part}"


def test_the_test_of_the_page_for_django_runs(run):
    pytest.importorskip("django")
    (block,) = [block for block in blocks("tutorial-django.md") if "override_settings" in block]
    code = block.replace("(): ...", "():\n    print(settings.FLAGS.get_bool('new-checkout'))")
    head = "from django.conf import settings\nsettings.configure(FLAGS=None)\n"
    assert run(f"{head}{code}\ntest_the_new_checkout()") == "True\n"
