"""Flags come and go."""

import pytest
from playwright.sync_api import expect

from on_page import button, entry, field, row, shown, toast
from service import eventually


def begin(page, key, kind):
    button(page, "New flag").click()
    form = page.locator("#add form")
    form.get_by_label("Key").fill(key)
    button(form, kind).click()
    return form


@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        ("Number", "1.50", "1.50"),
        ("String", "two\nlines", '"two\\nlines"'),
        ("JSON", "[1, null]", "[1,null]"),
    ],
)
def test_a_flag_of_a_chosen_type_is_added(page, service, kind, typed, stored):
    form = begin(page, "brand/new flag", kind)
    field(form).fill(typed)
    button(form, "Create").click()
    expect(form).to_have_count(0)
    expect(row(page, "brand/new flag")).to_be_focused()
    assert service.text("brand/new flag") == stored


def test_a_boolean_is_added_and_other_pages_see_it(look, service):
    page, other = look(service), look(service)
    form = begin(page, "beta", "Boolean")
    form.get_by_role("switch").click()
    button(form, "Create").click()
    shown(other, "beta", "true")
    assert service.text("beta") == "true"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "a key is needed"),
        ("banner", "there is a flag with this key already"),
        ("a\x07b", "no control characters"),
        ("ä" * 129, "at most 256 bytes, this one has 258"),
    ],
)
def test_a_bad_key_is_refused_with_its_reason(page, service, key, message):
    form = begin(page, key, "Boolean")
    button(form, "Create").click()
    expect(form.locator("#add-err")).to_contain_text(message)
    expect(form.get_by_label("Key")).to_have_attribute("aria-invalid", "true")
    assert not service.history()


def test_a_flag_that_somebody_else_added_first_is_not_overwritten(page, service):
    form = begin(page, "beta", "Number")
    page.evaluate("() => {take = () => {}}")
    service.put("beta", '"theirs"')
    field(form).fill("1")
    button(form, "Create").click()
    expect(form.locator("#add-err")).to_contain_text("already")
    assert service.text("beta") == '"theirs"'


def test_a_deleted_flag_comes_back_with_undo(page, service):
    row(page, "banner").hover()
    row(page, "banner").get_by_role("button", name="Delete banner").click()
    expect(row(page, "banner")).to_have_count(0)
    assert service.text("banner") is None
    expect(entry(page)).to_contain_text('"Spring sale" deleted')
    button(toast(page), "Undo").click()
    shown(page, "banner", "Spring sale")
    assert service.text("banner") == '"Spring sale"'


def test_the_last_flag_leaves_a_page_that_says_how_to_begin(serve, look):
    service = serve({"only": True})
    page = look(service)
    service.call("DELETE", "flags/by-key/only")
    expect(page.locator("#empty")).to_contain_text("No flags yet")
    button(page.locator("#empty"), "Add the first flag").click()
    expect(page.locator("#add").get_by_label("Key")).to_be_focused()


@pytest.mark.parametrize("key", [".", ".."])
def test_a_key_of_dots_is_no_folder(page, service, key):
    form = begin(page, key, "Number")
    field(form).fill("5")
    button(form, "Create").click()
    shown(page, key, "5")
    eventually(lambda: f'"{key}":5' in service.call("GET", "flags").replace(" ", ""))
    row(page, key).hover()
    row(page, key).get_by_role("button", name=f"Delete {key}", exact=True).click()
    expect(row(page, key)).to_have_count(0)
