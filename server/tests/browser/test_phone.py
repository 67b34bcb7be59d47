"""Legible and usable on a phone of 360 pixels, and of 320."""

import pytest
from playwright.sync_api import expect

from on_page import button, field, row
from service import eventually

FLAGS = {
    "a-very-long-key." + "of-many-words-" * 16: "a very long value " * 40,
    "unbroken": "x" * 3000,
    "on": False,
    "limit": 50,
    "nested": {"list": list(range(200))},
}

PHONE = {
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


@pytest.fixture(params=[320, 360])
def phone(request, serve, look):
    service = serve(FLAGS)
    page = look(service, viewport={"width": request.param, "height": 740}, **PHONE)
    page.service = service
    return page


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth && innerWidth === screen.width")


def small(page):
    """Controls that can be seen and are smaller than a finger."""
    return page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea')].filter(e => {
            const box = e.getBoundingClientRect()
            return box.width && e.checkVisibility({visibilityProperty: true}) && (box.height < 43.5 || box.width < 43.5)
        }).map(e => [e.className, e.textContent, e.getBoundingClientRect().width, e.getBoundingClientRect().height])"""
    )


def test_nothing_scrolls_sideways_and_every_target_is_large_enough(phone):
    assert fits(phone)
    assert not small(phone)
    row(phone, "nested").locator(".txt").tap()
    form = row(phone, "nested").locator("form")
    field(form).fill('{"list": ' + "[" * 60)
    phone.service.put("nested", '"' + "y" * 2000 + '"')
    expect(form.locator(".note")).to_be_visible()
    button(form, "Save").tap()
    assert fits(phone)
    assert not small(phone)
    button(form, "Take theirs").tap()
    for tab in ("History", "Clients 0"):
        phone.get_by_role("button", name=tab).tap()
        assert fits(phone)
        assert not small(phone)
    phone.get_by_role("button", name="Flags", exact=True).tap()
    phone.get_by_role("button", name="Group").tap()
    expect(phone.locator("#list .group").first).to_be_visible()
    phone.get_by_role("button", name="New").tap()
    assert fits(phone)
    assert not small(phone)
    phone.service.kill()
    expect(phone.locator("#lost")).to_be_visible()
    expect(phone.locator("#link")).to_contain_text("Reconnecting")
    assert fits(phone)
    assert not small(phone)


def test_a_thumb_can_toggle_and_edit(phone):
    row(phone, "on").get_by_role("switch").tap()
    eventually(lambda: phone.service.text("on") == "true")
    row(phone, "limit").locator(".txt").tap()
    form = row(phone, "limit").locator("form")
    expect(field(form)).to_have_attribute("inputmode", "decimal")
    field(form).fill("51")
    button(form, "Save").tap()
    eventually(lambda: phone.service.text("limit") == "51")
    phone.get_by_role("button", name="History").tap()
    expect(phone.locator("#history li")).to_have_count(2)
