"""Values are edited in place, checked before they are sent, and sent as they were written."""

import json

import pytest
from playwright.sync_api import expect

from on_page import button, fault, field, open_editor, row, shown, switch, toast
from service import eventually


@pytest.mark.parametrize(
    ("key", "typed", "stored"),
    [
        ("cart-limit", "75", "75"),
        ("cart-limit", "9007199254740993", "9007199254740993"),
        ("cart-limit", "1.0", "1.0"),
        ("cart-limit", "-0.0", "-0.0"),
        ("cart-limit", "1E400", "1E400"),
        ("banner", 'He said "no"\\', json.dumps('He said "no"\\')),
        ("banner", "", '""'),
        ("banner", "1", '"1"'),
        ("regions", '["a", 1.0,\n 12345678901234567890 ]', '["a",1.0,12345678901234567890]'),
        ("search.ranking", "{}", "{}"),
        ("legacy-api", "[null]", "[null]"),
    ],
)
def test_a_good_value_is_stored_as_it_was_typed(page, service, key, typed, stored):
    form = open_editor(page, key)
    field(form).fill(typed)
    button(form, "Save").click()
    expect(form).to_have_count(0)
    eventually(lambda: service.text(key) == stored, f"{key} being {stored}, it is {service.text(key)}")
    expect(row(page, key)).to_be_focused()


@pytest.mark.parametrize(
    ("key", "typed", "message"),
    [
        ("cart-limit", "", "write a number"),
        ("cart-limit", "01", "leading zeros"),
        ("cart-limit", "+1", "leading +"),
        ("cart-limit", ".5", "before the point"),
        ("cart-limit", "5.", "after the point"),
        ("cart-limit", "1,5", "the decimal sign is a point"),
        ("cart-limit", "1_000", "no separators"),
        ("cart-limit", "NaN", "no NaN"),
        ("cart-limit", "12 apples", "found “"),
        ("regions", '["a"\n "b"]', 'line 2, column 2: expected a comma or ], found “"b"]”'),
        ("regions", '["a",]', "line 1, column 6: no comma before ]"),
        (
            "search.ranking",
            '{"a": 1,\n  b: 2}',
            "line 2, column 3: expected a key in double quotes, found “b”",
        ),
        ("search.ranking", "{'a': 1}", "line 1, column 2: expected a key in double quotes"),
        ("search.ranking", '{"a" 1}', "line 1, column 6: expected : after the key"),
        ("search.ranking", '{"ä": tru}', "line 1, column 7: expected a JSON value, found “tru”"),
        ("search.ranking", '{"a": 1} x', "line 1, column 10: expected the end"),
        ("search.ranking", '"\n"', "line 1, column 2: a line break"),
        ("search.ranking", '{"a": 1', "found the end"),
        ("search.ranking", "", "empty"),
        ("search.ranking", "[" * 128, "nested deeper than 127"),
    ],
)
def test_a_bad_value_is_not_sent_and_the_message_says_what_is_wrong(page, service, key, typed, message):
    before = service.text(key)
    form = open_editor(page, key)
    field(form).fill(typed)
    button(form, "Save").click()
    expect(fault(form)).to_contain_text(message)
    expect(field(form)).to_have_attribute("aria-invalid", "true")
    expect(field(form)).to_be_focused()
    assert service.text(key) == before
    assert not service.history()
    field(form).fill("1")
    expect(form.locator(".err")).to_be_hidden()


def test_a_message_appears_by_itself_after_a_pause_in_typing(page):
    form = open_editor(page, "cart-limit")
    field(form).fill("5x")
    expect(fault(form)).to_contain_text("this is not a number: found “x” at column 2")


def test_numbers_beyond_their_readers_are_said_to_be(page):
    form = open_editor(page, "cart-limit")
    field(form).fill("1e999")
    expect(form.locator(".advice")).to_contain_text("readers get their default")
    field(form).fill("18446744073709551616")
    expect(form.locator(".advice")).to_contain_text("nearest float")
    field(form).fill("18446744073709551615")
    expect(form.locator(".advice")).to_be_hidden()


def test_every_text_of_the_server_is_shown_and_kept_to_the_letter(serve, look):
    # Numbers that no JavaScript number holds, and nested ones.
    text = '{"id":9007199254740993,"one":1.0,"deep":{"x":[1.50,12345678901234567890]}}'
    service = serve(text)
    page = look(service)
    shown(page, "id", "9007199254740993")
    shown(page, "one", "1.0")
    form = open_editor(page, "deep")
    expect(field(form)).to_have_value('{\n  "x": [\n    1.50,\n    12345678901234567890\n  ]\n}')
    field(form).press("Control+Enter")
    expect(form).to_have_count(0)
    # Only its layout was changed for the eye, so there was nothing to send.
    assert not service.history()


def test_a_type_can_be_changed_with_the_value(page, service):
    form = open_editor(page, "cart-limit")
    button(form, "String").click()
    expect(field(form)).to_have_value("50")
    field(form).press("Enter")
    expect(form).to_have_count(0)
    assert service.text("cart-limit") == '"50"'
    expect(row(page, "cart-limit").locator(".kind")).to_have_text("string")
    form = open_editor(page, "cart-limit")
    button(form, "Boolean").click()
    form.get_by_role("switch").click()
    button(form, "Save").click()
    eventually(lambda: service.text("cart-limit") == "true")
    expect(switch(page, "cart-limit")).to_have_attribute("aria-checked", "true")


def test_json_is_laid_out_on_demand_with_its_numbers_as_written(page):
    form = open_editor(page, "regions")
    field(form).fill('{"a":[1.0,2e5],"b":{},"c":"{\\"x\\": [1]}"}')
    button(form, "Format").click()
    expect(field(form)).to_have_value(
        '{\n  "a": [\n    1.0,\n    2e5\n  ],\n  "b": {},\n  "c": "{\\"x\\": [1]}"\n}'
    )


def test_a_cancelled_edit_can_be_brought_back(page, service):
    form = open_editor(page, "banner")
    field(form).fill("a long text")
    field(form).press("Escape")
    expect(form).to_have_count(0)
    expect(row(page, "banner")).to_be_focused()
    button(toast(page), "Bring it back").click()
    expect(field(form)).to_have_value("a long text")
    assert service.text("banner") == '"Spring sale"'


def test_a_save_that_does_not_arrive_says_so_and_keeps_what_was_typed(page):
    form = open_editor(page, "banner")
    field(form).fill("kept")
    page.route("**/api/v1/flags/by-key?*", lambda route: route.abort())
    button(form, "Save").click()
    expect(fault(form)).to_contain_text("the server did not answer")
    expect(field(form)).to_have_value("kept")
