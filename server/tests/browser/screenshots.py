"""Take the pictures of the page for the documentation: python screenshots.py FOLDER"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from conftest import ARGUMENTS, browser_path
from on_page import field, open_editor, shown, switch
from service import Host, Service, eventually

SAMPLE = {
    "banner.text": "Free shipping until Sunday",
    "cart-limit": 50,
    "checkout.express": True,
    "checkout.new-form": False,
    "dark-mode": True,
    "experiments.paused": [],
    "legacy-api": None,
    "max-order-id": 9007199254740993,
    "payments.kill-switch": False,
    "rollout-share": 0.25,
    "search.ranking": {"model": "bm25", "k1": 1.2, "fields": ["title", "body"]},
    "support.email": "help@example.com",
    "upload.max-bytes": 5242880,
    "welcome-text": "Hello,\nand welcome back.",
}


def settle(page, picture):
    """Wait until nothing moves, and take the picture."""
    eventually(lambda: page.evaluate("document.getAnimations().length === 0"), "rest")
    page.screenshot(path=picture)
    print(picture)


def take(browser, service, into):
    desk = {"viewport": {"width": 1240, "height": 800}, "reduced_motion": "no-preference"}
    page = browser.new_context(**desk, color_scheme="light").new_page()
    page.goto(service.url)
    expect(page.locator("#clients li")).to_have_count(1)
    switch(page, "checkout.new-form").click()
    shown(page, "checkout.new-form", "true")
    expect(page.locator("#history li").first).to_contain_text("you")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)
    settle(page, into / "page-light.png")

    page = browser.new_context(**desk, color_scheme="dark").new_page()
    page.goto(service.url)
    form = open_editor(page, "cart-limit")
    field(form).fill("120")
    service.put("cart-limit", "80")
    expect(form.locator(".note")).to_contain_text("80")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)
    settle(page, into / "page-dark.png")

    phone = {
        "viewport": {"width": 360, "height": 740},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    }
    page = browser.new_context(**phone, color_scheme="light").new_page()
    page.goto(service.url)
    shown(page, "cart-limit", "80")
    settle(page, into / "page-phone.png")


def main():
    into = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="flagstaff-page-") as name, sync_playwright() as playwright:
        folder = Path(name)
        service = Service(folder, SAMPLE)
        host = None
        try:
            host = Host(service, folder, "cart-limit")
            service.put("rollout-share", "0.5")
            service.put("banner.text", '"Summer sale: 20 % off"')
            service.put("cart-limit", "75")
            browser = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS)
            take(browser, service, into)
            browser.close()
        finally:
            if host:
                host.stop()
            service.stop()


if __name__ == "__main__":
    main()
