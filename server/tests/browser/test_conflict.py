"""Two people change one flag: nobody's work is lost, and nobody's is overwritten unseen."""

import json

from playwright.sync_api import expect

from on_page import HeldBack, button, field, open_editor, row, shown, switch, toast
from service import eventually


def hold_back_events(page):
    """The page no longer hears of changes, as in the moment before an event arrives. Answers how to end that."""
    page.evaluate("() => {globalThis.realTake = take; take = () => {}}")
    return lambda: page.evaluate("() => {take = realTake}")


def test_an_edit_in_progress_is_kept_when_the_flag_changes_meanwhile(page, service):
    form = open_editor(page, "cart-limit")
    field(form).fill("120")
    service.put("cart-limit", "75")
    note = form.locator(".note")
    expect(note).to_contain_text("Changed meanwhile to 75 by somebody else (api from 127.0.0.1")
    expect(field(form)).to_have_value("120")
    expect(field(form)).to_be_focused()
    shown(page, "cart-limit", "75")
    # Saving is no way around the question.
    field(form).press("Enter")
    expect(button(form, "Overwrite")).to_be_focused()
    assert service.text("cart-limit") == "75"
    button(form, "Overwrite").click()
    expect(form).to_have_count(0)
    eventually(lambda: service.text("cart-limit") == "120")
    assert [change["by"] for change in service.history()] == ["page", "api"]


def test_ones_own_change_is_no_conflict_when_its_event_comes_before_its_answer(page, service):
    """Symptom: for a moment an editor said that somebody else had changed the flag, when it was this editor's own save.
    Cause: the event of the change was there before the answer. Fix: an editor knows what it is sending."""
    answers = HeldBack(page)
    form = open_editor(page, "cart-limit")
    field(form).fill("120")
    field(form).press("Enter")
    shown(page, "cart-limit", "120")
    expect(form.locator(".note")).to_be_hidden()
    answers.release()
    expect(form).to_have_count(0)
    assert len(service.history()) == 1


def test_an_edit_right_after_a_toggle_is_saved_before_the_page_hears_of_the_toggle(page, service):
    """Symptom: Enter did nothing, and nothing was said. Cause: the tag of the value that the toggle made was not there yet, so the
    server refused the edit, and the value that it was refused for was the one on the screen. Fix: such an edit is sent again."""
    proceed = hold_back_events(page)
    answers = HeldBack(page)
    row(page, "new-checkout").get_by_role("switch").click()
    eventually(lambda: page.evaluate("true") and answers.held, "the toggle")
    answers.hold_no_more()
    row(page, "new-checkout").focus()
    page.keyboard.press("Enter")
    form = row(page, "new-checkout").locator("form")
    button(form, "String").click()
    field(form).fill("next year")
    field(form).press("Enter")
    expect(form).to_have_count(0)
    assert service.text("new-checkout") == '"next year"'
    answers.release()
    proceed()
    service.put("cart-limit", "7")
    shown(page, "new-checkout", "next year")


def test_theirs_can_be_taken(page, service):
    form = open_editor(page, "banner")
    field(form).fill("mine")
    service.put("banner", '"theirs"')
    button(form, "Take theirs").click()
    expect(form).to_have_count(0)
    shown(page, "banner", "theirs")
    assert service.text("banner") == '"theirs"'


def test_a_save_that_crosses_another_is_refused_by_the_server_and_asked_about(page, service):
    form = open_editor(page, "cart-limit")
    field(form).fill("120")
    end = hold_back_events(page)
    service.put("cart-limit", "75")
    button(form, "Save").click()
    expect(form.locator(".note")).to_contain_text("Changed meanwhile to 75 by somebody else")
    expect(field(form)).to_have_value("120")
    assert service.text("cart-limit") == "75"
    # Once more, while the question is open: what is overwritten is what was shown.
    service.put("cart-limit", "76")
    button(form, "Overwrite").click()
    expect(form.locator(".note")).to_contain_text("Changed meanwhile to 76")
    assert service.text("cart-limit") == "76"
    button(form, "Overwrite").click()
    eventually(lambda: service.text("cart-limit") == "120")
    end()


def test_a_toggle_that_crosses_a_change_asks(page, service):
    hold_back_events(page)
    service.put("dark-mode", '"sepia"')
    switch(page, "dark-mode").click()
    form = row(page, "dark-mode").locator("form")
    expect(form.locator(".note")).to_contain_text('Changed meanwhile to "sepia"')
    expect(form.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    assert service.text("dark-mode") == '"sepia"'
    button(form, "Overwrite").click()
    eventually(lambda: service.text("dark-mode") == "true")


def test_a_flag_that_was_deleted_meanwhile_can_be_created_again(page, service):
    form = open_editor(page, "cart-limit")
    field(form).fill("120")
    service.call("DELETE", "flags/by-key/cart-limit")
    expect(form.locator(".note")).to_contain_text("Deleted meanwhile by somebody else")
    button(form, "Create again").click()
    eventually(lambda: service.text("cart-limit") == "120")
    shown(page, "cart-limit", "120")


def test_a_delete_that_crosses_a_change_asks(page, service):
    hold_back_events(page)
    service.put("banner", '"theirs"')
    row(page, "banner").hover()
    row(page, "banner").get_by_role("button", name="Delete banner").click()
    expect(toast(page)).to_contain_text('banner changed meanwhile to "theirs"')
    expect(button(toast(page), "Keep it")).to_be_focused()
    assert service.text("banner") == '"theirs"'
    button(toast(page), "Delete anyway").click()
    eventually(lambda: service.text("banner") is None)


def test_changes_of_other_flags_are_no_conflict(look, service):
    one, other = look(service), look(service)
    form = open_editor(one, "cart-limit")
    field(form).fill("120")
    switch(other, "dark-mode").click()
    switch(one, "new-checkout").click()
    expect(switch(one, "dark-mode")).to_have_attribute("aria-checked", "true")
    button(form, "Save").click()
    eventually(lambda: service.text("cart-limit") == "120")
    expect(form).to_have_count(0)
    assert json.loads(service.call("GET", "flags"))["new-checkout"] is False
