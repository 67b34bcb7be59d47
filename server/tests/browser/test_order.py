"""Sorting and grouping: chosen once, remembered by the browser."""

from playwright.sync_api import expect

from on_page import row, shown, switch
from service import eventually

FLAGS = {
    "checkout.express": True,
    "search-index": 1,
    "checkout-limit": 50,
    "alone": "x",
    "search.engine": "fast",
    "beta.only": False,
}

KEYS = "[...document.querySelectorAll('#list .row')].map(row => row.dataset.key)"
HEADINGS = "[...document.querySelectorAll('#list .group:not([hidden])')].map(head => head.textContent)"
SEAMLESS = """() => {
    const boxes = [...list.children].map(e => e.getBoundingClientRect())
    return boxes.every((box, i) => !i || Math.abs(box.top - boxes[i - 1].bottom) < 1)
}"""


def order(page, keys):
    eventually(lambda: page.evaluate(KEYS) == keys, f"the order {keys}")


def test_flags_are_sorted_by_name_or_by_last_change_and_that_is_remembered(look, serve):
    service = serve(FLAGS)
    page = look(service)
    by_name = ["alone", "beta.only", "checkout-limit", "checkout.express", "search-index", "search.engine"]
    order(page, by_name)
    service.put("search-index", "2")
    service.put("beta.only", "true")
    page.get_by_label("Sort").select_option("by last change")
    newest = ["beta.only", "search-index", "alone", "checkout-limit", "checkout.express", "search.engine"]
    order(page, newest)
    service.put("alone", '"y"')
    order(page, ["alone", "beta.only", "search-index", "checkout-limit", "checkout.express", "search.engine"])
    page.reload()
    order(page, ["alone", "beta.only", "search-index", "checkout-limit", "checkout.express", "search.engine"])
    page.get_by_label("Sort").select_option("by name")
    order(page, by_name)


def test_rows_stay_where_they_are_while_the_pointer_is_on_the_list(look, serve):
    service = serve(FLAGS)
    page = look(service)
    page.get_by_label("Sort").select_option("by last change")
    switch(page, "checkout.express").click()
    service.put("search-index", "2")
    shown(page, "search-index", "2")
    shown(page, "checkout.express", "false")
    assert page.evaluate(KEYS)[0] == "alone"
    # The order is made when neither pointer nor focus is there.
    page.locator("#filter").click()
    order(page, ["search-index", "checkout.express", "alone", "beta.only", "checkout-limit", "search.engine"])


def test_flags_are_grouped_by_the_prefix_of_their_keys(look, serve):
    service = serve(FLAGS)
    page = look(service)
    button = page.get_by_role("button", name="Group", exact=True)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    grouped = ["checkout-limit", "checkout.express", "search-index", "search.engine", "alone", "beta.only"]
    order(page, grouped)
    assert page.evaluate(HEADINGS) == ["checkout 2", "search 2", "Others 2"]
    assert page.evaluate(SEAMLESS)
    page.reload()
    order(page, grouped)
    # The keyboard goes over headings, an editor opens below its row, and the filter leaves groups that have something.
    page.keyboard.press("j")
    page.keyboard.press("End")
    expect(row(page, "beta.only")).to_be_focused()
    row(page, "checkout-limit").locator(".txt").click()
    eventually(lambda: page.evaluate(SEAMLESS), "rows without a gap")
    page.keyboard.press("Escape")
    page.get_by_label("Filter flags by key or value").fill("search")
    assert page.evaluate(HEADINGS) == ["search 2"]
    button.click()
    assert page.evaluate(HEADINGS) == []
