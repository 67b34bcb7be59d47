"""Where things are on the page, by what a person sees."""

import json

from playwright.sync_api import expect


def row(page, key):
    # As a CSS string: JSON escapes quotes and backslashes in the same way.
    return page.locator(f"#list .row[data-key={json.dumps(key, ensure_ascii=False)}]")


def switch(page, key):
    return row(page, key).locator(".val").get_by_role("switch")


def shown(page, key, text):
    expect(row(page, key).locator(".val")).to_have_text(text)


def open_editor(page, key):
    row(page, key).locator(".txt").click()
    return row(page, key).locator("form")


def field(form):
    return form.locator("input, textarea").last


def fault(form):
    return form.locator(".err:not([hidden])").last


def button(place, name):
    return place.get_by_role("button", name=name, exact=True)


def entry(page, number=0):
    """An entry of the history, newest first."""
    return page.locator("#history li").nth(number)


def toast(page):
    return page.locator(".toast").last


class HeldBack:
    """Answers to changes of flags that the page does not get yet. The server has made the changes."""

    def __init__(self, page):
        self.held = []
        self.released = False
        page.route("**/api/v1/flags/by-key?*", self._hold)

    def _hold(self, route):
        if self.released:
            route.continue_()
        else:
            self.held.append((route, route.fetch()))

    def hold_no_more(self):
        """What is asked from now on is answered; what is held stays held."""
        self.released = True

    def release(self):
        self.hold_no_more()
        assert self.held
        for route, answer in self.held:
            route.fulfill(response=answer)
