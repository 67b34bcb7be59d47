"""Whatever a flag is called and whatever it holds, it is text."""

import json

import pytest
from playwright.sync_api import expect

from on_page import button, entry, field, row, shown
from service import eventually

NAMES = [
    '<img src=x onerror="globalThis.harmed=1">',
    "<script>globalThis.harmed=1</script>",
    '"><svg onload=globalThis.harmed=1>',
    "javascript:globalThis.harmed=1",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "toString",
    "a/b?c=d#e&f=%2F",
    "../../../healthz",
    "100% \\ 'quoted'",
    "\u202eslaf\u202c",
    "ключ 鍵 🔑",
    " ",
    "{{7*7}} ${7*7}",
]

HARM = "globalThis.harmed === undefined && Object.prototype.harmed === undefined && !document.querySelector('#list img, #list script, aside img, aside script')"


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_key_is_shown_toggled_edited_and_deleted_like_any_other(look, serve, name):
    service = serve({name: False, "other": 1})
    page = look(service)
    line = row(page, name)
    expect(line.locator(".name")).to_have_text(name, use_inner_text=False)
    line.get_by_role("switch").click()
    eventually(lambda: json.loads(service.call("GET", "flags"))[name] is True, "the toggle")
    line.focus()
    page.keyboard.press("Enter")
    form = line.locator("form")
    button(form, "String").click()
    field(form).fill(name)
    field(form).press("Enter")
    eventually(lambda: json.loads(service.call("GET", "flags"))[name] == name, "the edit")
    expect(entry(page)).to_contain_text(json.dumps(name, ensure_ascii=False))
    page.locator("#filter").fill(name)
    expect(line).to_have_count(1)
    page.locator("#filter").fill("")
    assert page.evaluate(HARM)
    line.focus()
    page.keyboard.press("Delete")
    expect(line).to_have_count(0)
    eventually(lambda: json.loads(service.call("GET", "flags")) == {"other": 1}, "the delete")
    assert page.evaluate(HARM)


def test_hostile_values_are_text_in_list_history_notes_and_toasts(page, service):
    evil = json.dumps("<img src=x onerror='globalThis.harmed=1'>")
    row(page, "cart-limit").locator(".txt").click()
    form = row(page, "cart-limit").locator("form")
    field(form).fill("5")
    service.put("cart-limit", evil)
    expect(form.locator(".note code")).to_have_text(evil)
    shown(page, "cart-limit", json.loads(evil))
    button(form, "Take theirs").click()
    expect(entry(page)).to_contain_text(evil)
    assert page.evaluate(HARM)


def test_a_program_that_calls_itself_html_is_a_client_like_others(page, service):
    name = "<img/src=x/onerror=globalThis.harmed=1>"
    page.evaluate(
        "name => {clients = [{id: 1, address: name, user_agent: name, connected_at: new Date().toISOString(), sent_revision: null}]; showClients()}",
        name,
    )
    expect(page.locator("#clients b")).to_have_text(name.replace("/", " ", 1))
    assert page.evaluate(HARM)


def test_the_problem_of_a_file_is_text(page):
    page.evaluate("showProblem('<img src=x onerror=globalThis.harmed=1>')")
    expect(page.locator("#problem")).to_contain_text("<img src=x")
    assert page.evaluate("!document.querySelector('#problem img') && globalThis.harmed === undefined")
