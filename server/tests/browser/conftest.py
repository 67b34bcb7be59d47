"""Browsers that look at a real server, and what every test of the page holds them to."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from service import FLAGS, PATIENCE, Host, Service

# A flag that is given twice counts once, so what playwright turns off is repeated. The last one is ours: a process that is started after
# each navigation, for the next one, takes a third of the time of a short test.
OFF = [
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "SpareRendererForSitePerProcess",
]

# Quiet: it sends requests only to the server of the test.
ARGUMENTS = [
    f"--disable-features={','.join(OFF)}",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]

expect.set_options(timeout=PATIENCE * 1000)


def browser_path():
    named = os.environ.get("CHROMIUM")
    path = named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    assert path, "no chromium; install it, or name one in CHROMIUM"
    return path


def pytest_xdist_auto_num_workers(config):
    """One worker with one browser for each core. With `-s` none: workers have no output."""
    return 0 if config.option.capture == "no" else min(os.cpu_count() or 1, 4)


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def folder():
    # Short, because the name of a socket may be made of it.
    with tempfile.TemporaryDirectory(prefix="flagstaff-page-") as name:
        yield Path(name)


@pytest.fixture
def serve(folder):
    """Start servers that end with the test."""
    started = []

    def start(flags=FLAGS, *arguments, **options):
        place = folder / str(len(started))
        place.mkdir()
        service = Service(place, flags, *arguments, **options)
        started.append(service)
        return service

    yield start
    for service in started:
        service.stop()


@pytest.fixture
def service(serve):
    return serve()


@pytest.fixture
def host(service, folder):
    host = Host(service, folder)
    yield host
    host.stop()


class Witness:
    """What a page asked for and complained about."""

    def __init__(self, page):
        self.requests = []
        self.complaints = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("websocket", lambda socket: self.requests.append(socket.url))

    def _heard(self, message):
        # The browser itself notes every answer that is no success; the page shows those to its user.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)


@pytest.fixture
def look(browser):
    """Open pages in contexts of their own. At the end: no request to anywhere else, and no complaint."""
    seen = []

    def open_page(service, fragment="", ready=True, **options):
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.witness = Witness(page)
        seen.append((context, page, service))
        page.goto(service.url + fragment)
        if ready:
            expect(page.locator("#link")).to_have_attribute("data-state", "live")
        return page

    yield open_page
    for context, page, service in seen:
        strange = [url for url in page.witness.requests if not url.startswith((service.url, "data:"))]
        complaints = page.witness.complaints
        context.close()
        assert not strange, f"requests to somebody else: {strange}"
        assert not complaints, f"the console of the page: {complaints}"


@pytest.fixture
def page(look, service):
    return look(service)
