"""Finding a flag among many."""

from playwright.sync_api import expect

from on_page import button, field, open_editor, row

KEYS = "[...document.querySelectorAll('#list .row')].map(row => row.dataset.key)"


def test_the_filter_looks_at_keys_and_values_whatever_their_case(page):
    box = page.get_by_label("Filter flags by key or value")
    box.fill("CHECK")
    expect(page.locator("#list .row")).to_have_count(1)
    assert page.evaluate(KEYS) == ["new-checkout"]
    expect(page.locator("mark")).to_have_text("check")
    box.fill("spring")
    assert page.evaluate(KEYS) == ["banner"]
    box.fill("bm25")
    assert page.evaluate(KEYS) == ["search.ranking"]
    expect(page.locator("#say")).to_have_text("1 of 9 flags")


def test_the_filter_by_type_counts_and_combines_with_the_text(page):
    expect(page.locator("#types button")).to_have_text(["All9", "Boolean2", "Number2", "String2", "JSON3"])
    page.get_by_role("button", name="JSON3").click()
    assert page.evaluate(KEYS) == ["legacy-api", "regions", "search.ranking"]
    page.get_by_label("Filter flags by key or value").fill("r")
    assert page.evaluate(KEYS) == ["regions", "search.ranking"]
    expect(page.locator("#types button[data-kind=boolean]")).to_have_text("Boolean2")


def test_what_matches_nothing_says_so_and_offers_the_way_back(page):
    page.get_by_label("Filter flags by key or value").fill("no such thing")
    expect(page.locator("#empty")).to_contain_text("“no such thing”")
    button(page.locator("#empty"), "Show all flags").click()
    expect(page.locator("#list .row")).to_have_count(9)


def test_an_open_editor_stays_whatever_the_filter(page):
    form = open_editor(page, "banner")
    field(form).fill("not yet saved")
    page.get_by_label("Filter flags by key or value").fill("cart")
    assert page.evaluate(KEYS) == ["banner", "cart-limit"]
    expect(field(form)).to_have_value("not yet saved")
    button(form, "Cancel").click()
    expect(row(page, "banner")).to_have_count(0)


def test_a_flag_that_begins_to_match_appears(page, service):
    page.get_by_label("Filter flags by key or value").fill("winter")
    expect(page.locator("#list .row")).to_have_count(0)
    service.put("banner", '"Winter sale"')
    expect(page.locator("#list .row")).to_have_count(1)
