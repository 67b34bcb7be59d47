"""Everything works without a mouse."""

from playwright.sync_api import expect

from on_page import field, row, shown, switch
from service import eventually


def test_a_walk_with_nothing_but_the_keyboard(page, service):
    press = page.keyboard.press
    # Find a flag.
    press("/")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("limit")
    press("ArrowDown")
    expect(row(page, "cart-limit")).to_be_focused()
    # Edit it, with a mistake on the way.
    press("Enter")
    form = row(page, "cart-limit").locator("form")
    expect(field(form)).to_be_focused()
    page.keyboard.type("7,5")
    press("Enter")
    expect(form.locator(".err")).to_contain_text("the decimal sign is a point")
    press("ControlOrMeta+a")
    page.keyboard.type("75")
    press("Enter")
    expect(row(page, "cart-limit")).to_be_focused()
    eventually(lambda: service.text("cart-limit") == "75")
    # Back to all flags.
    press("Escape")
    expect(page.locator("#filter")).to_have_value("")
    # Down and up, by arrows and letters.
    press("j")
    expect(row(page, "dark-mode")).to_be_focused()
    press("ArrowUp")
    press("k")
    expect(row(page, "banner")).to_be_focused()
    press("k")
    expect(row(page, "banner")).to_be_focused()
    press("End")
    expect(row(page, "welcome")).to_be_focused()
    press("Home")
    press("ArrowDown")
    press("ArrowDown")
    # Toggle.
    press("Space")
    expect(switch(page, "dark-mode")).to_have_attribute("aria-checked", "true")
    eventually(lambda: service.text("dark-mode") == "true")
    # Take it back.
    press("u")
    shown(page, "dark-mode", "false")
    # A new flag.
    press("n")
    expect(page.locator("#add").get_by_label("Key")).to_be_focused()
    page.keyboard.type("by-keyboard")
    press("Enter")
    expect(row(page, "by-keyboard")).to_be_focused()
    assert service.text("by-keyboard") == "false"
    # And away with it.
    press("Delete")
    expect(row(page, "by-keyboard")).to_have_count(0)
    eventually(lambda: service.text("by-keyboard") is None)
    expect(row(page, "cart-limit")).to_be_focused()
    # What the keys are.
    press("?")
    expect(page.locator("#help")).to_be_visible()
    press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_tab_reaches_every_control_and_the_focus_is_seen(page):
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        what = page.evaluate(
            """() => {
                const e = document.activeElement, style = getComputedStyle(e)
                if (e === document.body) return null
                return [e.getAttribute('aria-label') ?? e.textContent.trim(), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1]
            }"""
        )
        # After the last control the browser itself has the focus.
        if what is None:
            break
        seen.append(what)
    names = [name for name, _ in seen]
    assert any(name.startswith("Theme") for name in names)
    for name in ("Keyboard shortcuts", "Filter flags by key or value", "New flag"):
        assert name in names
    # One row at a time is in the order of tabs, with its value and its bin.
    assert "banner: Spring sale, edit" in names
    assert "Delete banner" in names
    assert "Delete cart-limit" not in names
    assert [name for name, visible in seen if not visible] == []


def test_letters_are_no_shortcuts_while_somebody_types_or_does_not_want_them(page):
    page.locator("#filter").fill("x")
    page.keyboard.type("nu?/")
    expect(page.locator("#filter")).to_have_value("xnu?/")
    expect(page.locator("#add")).to_be_hidden()
    page.locator("#filter").fill("")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Shortcuts of a single letter").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.press("/")
    expect(page.locator("#add")).to_be_hidden()
    expect(page.locator("#filter")).not_to_be_focused()


def test_a_letter_changes_no_flag_unless_the_list_has_the_focus(page, service):
    switch(page, "dark-mode").click()
    eventually(lambda: service.text("dark-mode") == "true")
    for letter in "abcdefghijklmnopqrstuvwxyz0123456789":
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press(letter)
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Keyboard shortcuts").focus()
    page.keyboard.press("u")
    # A change that comes after all of them is the second one.
    service.put("cart-limit", "75")
    shown(page, "cart-limit", "75")
    assert len(service.history()) == 2
    row(page, "dark-mode").focus()
    page.keyboard.press("u")
    eventually(lambda: service.text("dark-mode") == "false")


def test_every_control_has_a_name_and_a_role(page):
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea, [role=switch]')]
            .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)"""
    )
    assert not nameless
    grid = page.get_by_role("grid", name="Flags")
    expect(grid).to_have_attribute("aria-rowcount", "9")
    expect(grid.get_by_role("row").first).to_have_attribute("aria-rowindex", "1")
