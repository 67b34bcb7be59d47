"""The page as a whole: what it weighs, what it may load, how it says who is there."""

import re
import urllib.request
from pathlib import Path

from playwright.sync_api import expect

from on_page import shown
from service import FLAGS

PAGE = Path(__file__).parents[2] / "page" / "index.html"


def test_the_page_is_one_file_of_less_than_80_kilobytes(service):
    with urllib.request.urlopen(service.url) as answer:
        body = answer.read()
    lines = [line.lstrip() for line in PAGE.read_text("utf-8").splitlines()]
    sent = "".join(f"{line}\n" for line in lines if not line.startswith("//"))
    assert body.decode() == sent, "what is sent, but for indentation and comments"
    assert len(body) < 80_000


def test_the_page_names_nothing_outside_of_itself():
    text = PAGE.read_text("utf-8")
    addresses = set(re.findall(r"https?://[^\s'\"<>)]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}, "the name space of SVG is no address that is asked"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_the_policy_of_the_server_lets_the_page_work_and_nothing_else(page):
    policy = page.evaluate("fetch('.').then(answer => answer.headers.get('content-security-policy'))")
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    refused = page.evaluate(
        """() => new Promise(done => {
            const image = new Image()
            image.onerror = () => done(true)
            image.onload = () => done(false)
            image.src = '/no-such-image'
        })"""
    )
    assert refused
    # The browser says on the console what it refuses because of the policy.
    assert "Content Security Policy" in "".join(page.witness.complaints)
    page.witness.complaints.clear()


def test_every_flag_is_shown_with_key_type_and_value(page):
    expect(page.locator("#list .row")).to_have_count(len(FLAGS))
    for key, kind, text in [
        ("new-checkout", "boolean", "true"),
        ("cart-limit", "number", "50"),
        ("banner", "string", "Spring sale"),
        ("regions", "array", '["eu-west","us-east"]'),
        ("legacy-api", "null", "null"),
    ]:
        line = page.locator(f'.row[data-key="{key}"]')
        expect(line.locator(".name")).to_have_text(key)
        expect(line.locator(".kind")).to_have_text(kind)
        expect(line.locator(".val")).to_have_text(re.compile(re.escape(text).replace(",", ", ?")))


def test_a_json_value_has_the_room_that_short_keys_leave(look, serve):
    page = look(serve({"a": {"list": list(range(100))}, "limit": 1}))
    share = page.evaluate(
        "document.querySelector('[data-key=a] .txt').offsetWidth / document.querySelector('[data-key=a]').offsetWidth"
    )
    assert share > 0.6, share
    page.set_viewport_size({"width": 1600, "height": 900})
    wide = page.evaluate("document.querySelector('[data-key=a] .txt').offsetWidth")
    assert wide > 800, wide


def test_who_is_connected_is_listed_with_program_and_revision(page, host):
    client = page.locator("#clients li:not(.way)")
    expect(client).to_have_count(1)
    expect(client.locator("b")).to_contain_text("flagstaff")
    expect(client).to_contain_text("127.0.0.1")
    expect(client.locator(".has")).to_have_text("newest")
    host.stop()
    expect(client).to_have_count(0)


def test_the_theme_is_that_of_the_system_until_somebody_chooses(look, service):
    page = look(service, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    button = page.locator("#theme")
    button.click()
    light = page.evaluate(background)
    assert light != dark
    expect(button).to_have_attribute("aria-label", "Theme: light")
    page.reload()
    assert page.evaluate(background) == light
    button.click()
    assert page.evaluate(background) == dark


def test_a_change_flashes_its_row_and_is_announced(page, service):
    service.put("cart-limit", "75")
    shown(page, "cart-limit", "75")
    expect(page.locator('.row[data-key="cart-limit"]')).to_have_class(re.compile("flash"))
    expect(page.locator("#say")).to_have_text("cart-limit is now 75")


def test_nothing_moves_for_who_wants_less_motion(look, service):
    page = look(service, reduced_motion="reduce")
    service.put("cart-limit", "75")
    line = page.locator('.row[data-key="cart-limit"]')
    expect(line).to_have_class(re.compile("fresh"))
    assert page.evaluate("document.getAnimations().length") == 0
