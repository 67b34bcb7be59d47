"""Environments have names; an API key is never shown."""

import pytest
from playwright.sync_api import expect

from on_page import button, field, open_editor, shown

SECRET = "s3cret-key-of-staging"
EVERYTHING_SEEN = "document.documentElement.innerText + document.title + document.querySelector('#env').outerHTML + JSON.stringify(localStorage) + document.cookie"


@pytest.fixture
def two(serve, folder):
    staging = folder / "staging.json"
    staging.write_text('{"where": "staging"}', "utf-8")
    return serve({"where": "production"}, "--name", "dev=Production", "--environment", f"{SECRET}={staging}")


def chosen(page):
    return page.locator("#env option:checked")


def test_another_environment_is_chosen_by_its_name_and_its_key_is_asked_for_once(look, two):
    page = look(two)
    shown(page, "where", "production")
    expect(chosen(page)).to_have_text("Production")
    expect(page.locator("#env option")).to_have_text(
        ["Production", "staging (key needed)", "Another API key…"]
    )
    environment = page.get_by_label("Environment", exact=True)
    environment.select_option("=staging")
    expect(page.locator("#ask-why")).to_contain_text("staging")
    # Not now: everything stays as it is.
    button(page.locator("#ask"), "Not now").click()
    expect(chosen(page)).to_have_text("Production")
    environment.select_option("=staging")
    page.locator("#ask-in").fill(SECRET)
    page.keyboard.press("Enter")
    shown(page, "where", "staging")
    expect(chosen(page)).to_have_text("staging")
    expect(page).to_have_title("Flagstaff flags · staging")
    assert "s3cret" not in page.evaluate(EVERYTHING_SEEN)
    # Both keys are known in this tab now.
    environment.select_option("=Production")
    shown(page, "where", "production")
    page.reload()
    shown(page, "where", "production")
    environment.select_option("=staging")
    shown(page, "where", "staging")
    expect(page.locator("#ask")).to_be_hidden()


def test_what_was_typed_is_not_lost_by_a_change_of_the_environment(look, two):
    page = look(two, f"#key={SECRET}")
    page.goto(two.url + "#key=dev")
    shown(page, "where", "production")
    form = open_editor(page, "where")
    field(form).fill("not saved yet")
    page.get_by_label("Environment", exact=True).select_option("=staging")
    button(page.locator(".toast"), "Stay").click()
    expect(field(form)).to_have_value("not saved yet")
    expect(chosen(page)).to_have_text("Production")
    page.get_by_label("Environment", exact=True).select_option("=staging")
    button(page.locator(".toast"), "Switch anyway").click()
    shown(page, "where", "staging")


def test_a_key_that_is_typed_shows_its_environment(look, two):
    page = look(two)
    page.get_by_label("Environment", exact=True).select_option("key")
    page.locator("#ask-in").fill(SECRET)
    page.keyboard.press("Enter")
    expect(chosen(page)).to_have_text("staging")
    shown(page, "where", "staging")
