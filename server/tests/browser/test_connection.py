"""The page says whether what it shows is live, and comes back by itself."""

import re

from playwright.sync_api import expect

from on_page import entry, field, open_editor, row, shown, switch
from service import eventually

LINK = "#link"


def test_the_page_comes_back_after_the_server_was_killed_and_started_again(page, service):
    expect(page.locator(LINK)).to_have_text(re.compile(r"Live · \d+ s"))
    switch(page, "dark-mode").click()
    expect(entry(page)).to_contain_text("you")
    form = open_editor(page, "banner")
    field(form).fill("still here")
    service.kill()
    expect(page.locator(LINK)).to_have_text(re.compile(r"Reconnecting · \d+ s"))
    assert "next attempt" in page.locator(LINK).get_attribute("title")
    service.path.write_text(service.path.read_text("utf-8").replace("50", "99"), "utf-8")
    service.start()
    expect(page.locator(LINK)).to_have_attribute("data-state", "live")
    # What changed while nobody was connected is there, what was kept on the disk too, and so is what was typed.
    shown(page, "cart-limit", "99")
    shown(page, "dark-mode", "true")
    expect(field(form)).to_have_value("still here")
    expect(form.locator(".note")).to_be_hidden()
    switch(page, "dark-mode").click()
    eventually(lambda: service.text("dark-mode") == "false")


def test_without_a_connection_the_whole_page_says_so_and_nothing_can_be_changed(page, service):
    background = "getComputedStyle(document.body).backgroundColor"
    usual = page.evaluate(background)
    form = open_editor(page, "banner")
    field(form).fill("still here")
    service.kill()
    lost = page.locator("#lost")
    expect(lost).to_contain_text(re.compile(r"Disconnected since \d.*out of date.*Editing is locked"))
    expect(page).to_have_title(re.compile("^⚠ Disconnected"))
    assert page.evaluate(background) != usual
    expect(page.get_by_role("grid", name="Flags")).to_have_attribute("aria-disabled", "true")
    # Neither by mouse nor by keyboard.
    expect(field(form)).to_have_attribute("readonly", "")
    switch(page, "dark-mode").click(force=True)
    expect(page.locator("#say")).to_have_text("Not connected: nothing was changed")
    for key in ("Space", "Enter", "Delete", "u", "n"):
        row(page, "dark-mode").focus()
        page.keyboard.press(key)
    expect(page.locator("#add")).to_be_hidden()
    expect(row(page, "dark-mode").locator("form")).to_have_count(0)
    expect(switch(page, "dark-mode")).to_have_attribute("aria-checked", "false")
    # To look at the flags is still possible, also for a screen reader and with the keyboard.
    page.keyboard.press("j")
    expect(row(page, "legacy-api")).to_be_focused()
    page.evaluate("scrollTo(0, 400)")
    expect(lost).to_be_in_viewport()
    service.start()
    expect(lost).to_be_hidden()
    expect(page).to_have_title(re.compile("^Flagstaff"))
    assert page.evaluate(background) == usual
    expect(field(form)).to_have_value("still here")
    expect(field(form)).not_to_have_attribute("readonly", "")
    switch(page, "dark-mode").click()
    eventually(lambda: service.text("dark-mode") == "true")
    assert len(service.history()) == 1


def test_a_revision_of_a_server_that_was_started_again_is_not_taken_for_ones_own(page, service):
    switch(page, "dark-mode").click()
    expect(entry(page)).to_contain_text("you")
    number = service.history()[0]["revision"]
    service.kill()
    expect(page.locator(LINK)).to_have_attribute("data-state", "lost")
    # Its history is gone, so numbers begin anew.
    service.path.with_name(".flags.json.flagstaff-history").unlink()
    service.start()
    # Somebody else makes the change that now has the number of ours.
    while not any(change["revision"] == number for change in service.history()):
        service.put("cart-limit", str(1000 + len(service.history())))
    expect(page.locator(LINK)).to_have_attribute("data-state", "live")
    expect(entry(page)).to_contain_text("cart-limit")
    expect(entry(page).locator("small")).to_contain_text("api")
    limit = service.text("cart-limit")
    page.keyboard.press("u")
    expect(page.locator(".toast").last).to_contain_text("Nothing of yours to undo")
    assert service.text("cart-limit") == limit


def test_what_one_did_can_be_undone_after_the_server_was_started_again(page, service):
    switch(page, "dark-mode").click()
    expect(entry(page)).to_contain_text("you")
    service.kill()
    expect(page.locator(LINK)).to_have_attribute("data-state", "lost")
    service.start()
    expect(page.locator(LINK)).to_have_attribute("data-state", "live")
    expect(entry(page)).to_contain_text("dark-mode")
    number = service.history()[0]["revision"]
    entry(page).get_by_role("button", name=f"Undo change {number}").click()
    expect(switch(page, "dark-mode")).to_have_attribute("aria-checked", "false")
    assert [change["by"] for change in service.history()] == ["undo", "page"]


def test_pressing_the_state_tries_at_once(page, service):
    service.kill()
    expect(page.locator(LINK)).to_have_attribute("data-state", "lost")
    # So long that the page would not come back by itself within the test.
    page.evaluate("tries = 30; clearTimeout(retry); retryAt = Date.now() + 1e6")
    service.start()
    page.locator(LINK).click()
    expect(page.locator(LINK)).to_have_attribute("data-state", "live")


def test_attempts_grow_apart_and_never_stand_in_step(page, service):
    service.kill()
    expect(page.locator(LINK)).to_have_attribute("data-state", "lost")
    waits = page.evaluate(
        """async () => {
            const waits = []
            for (let n = 0; n < 12; n++) {
                tries = n % 6 + 3
                await connect()
                waits.push(retryAt - Date.now())
            }
            return waits
        }"""
    )
    assert all(0 < wait <= 15000 for wait in waits), waits
    assert waits[4] > waits[0], "later attempts wait longer"
    assert all(a != b for a, b in zip(waits[:6], waits[6:], strict=True)), "there is jitter"
    service.start()
    page.evaluate("hurry()")
    expect(page.locator(LINK)).to_have_attribute("data-state", "live")


def test_a_file_that_cannot_be_used_is_a_banner_until_it_is_healed(page, service):
    good = service.path.read_text("utf-8")
    service.path.write_text(good[:-3], "utf-8")
    banner = page.locator("#problem")
    expect(banner).to_be_visible()
    expect(banner).to_contain_text("line")
    shown(page, "cart-limit", "50")
    service.path.write_text(good.replace("50", "51"), "utf-8")
    expect(banner).to_be_hidden()
    shown(page, "cart-limit", "51")


def test_an_unknown_key_is_asked_for_and_kept_in_the_tab_only(look, serve):
    service = serve({"a": 1}, "--api-key", "s3cret-key")
    service.key = "s3cret-key"
    page = look(service, ready=False)
    dialog = page.locator("#ask")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("API key")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-in")).to_have_value("")
    page.locator("#ask-in").fill("s3cret-key")
    page.keyboard.press("Enter")
    expect(page.locator(LINK)).to_have_attribute("data-state", "live")
    shown(page, "a", "1")
    page.reload()
    shown(page, "a", "1")
    assert "s3cret" not in page.evaluate(
        "JSON.stringify(localStorage) + document.cookie + document.body.innerText"
    )


def test_a_key_in_the_fragment_is_used_and_does_not_stay_in_the_address(look, serve):
    service = serve({"a": 1}, "--api-key", "s3cret-key")
    page = look(service, "#key=s3cret-key")
    shown(page, "a", "1")
    assert page.url == service.url


def test_a_token_is_asked_for_when_a_change_needs_it(look, serve):
    service = serve({"on": False}, "--token", "t0ken-of-the-test")
    service.token = "t0ken-of-the-test"
    page = look(service)
    switch(page, "on").click()
    dialog = page.locator("#ask")
    expect(dialog.get_by_label("Token for changes")).to_be_focused()
    page.keyboard.type("wrong-token-of-the-test")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-in")).to_have_value("")
    expect(dialog).to_be_visible()
    page.locator("#ask-in").fill(service.token)
    page.keyboard.press("Enter")
    eventually(lambda: service.text("on") == "true")
    expect(dialog).to_be_hidden()
    switch(page, "on").click()
    eventually(lambda: service.text("on") == "false")
    assert "t0ken" not in page.evaluate("JSON.stringify(localStorage) + document.cookie")


def test_without_the_token_nothing_changes(look, serve):
    service = serve({"on": False}, "--token", "t0ken-of-the-test")
    page = look(service)
    switch(page, "on").click()
    page.get_by_role("button", name="Not now").click()
    expect(switch(page, "on")).to_have_attribute("aria-checked", "false")
    expect(page.locator(".toast").last).to_contain_text("on was not changed")
    assert service.text("on") == "false"
