"""Where there is nothing yet, the page says what to do next."""

import subprocess

from playwright.sync_api import expect

from on_page import button, row
from service import Process, eventually

CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


def copied(page, place):
    button(place, "Copy the command").click()
    expect(page.locator("#say")).to_have_text("Copied")
    return page.evaluate("navigator.clipboard.readText()")


def test_an_environment_without_flags_says_how_to_make_the_first(look, serve):
    service = serve({})
    page = look(service, **CLIPBOARD)
    empty = page.locator("#empty")
    expect(empty).to_contain_text("No flags yet")
    command = copied(page, empty)
    expect(empty.locator("code")).to_have_text(command)
    subprocess.run(
        ["sh", "-c", command.replace("--json", "-H 'Content-Type: application/json' -d")], check=True
    )
    expect(row(page, "new-checkout")).to_have_count(1)
    assert service.text("new-checkout") == "true"


def test_without_streams_the_page_has_the_command_that_starts_a_publisher(look, service, folder):
    page = look(service, **CLIPBOARD)
    clients = page.locator("#clients")
    expect(clients).to_contain_text("No host follows these flags")
    command = copied(page, clients)
    url = service.url.rstrip("/")
    expected = f"FLAGSTAFF_API_KEY=dev flagstaff run --base-url {url} --file /tmp/flags.flagstaff"
    assert command == expected
    expect(clients.locator("code")).to_have_text(expected)
    # The same command, with this test's program and file.
    (key, _, run, *arguments) = command.replace("/tmp/flags.flagstaff", str(folder / "f")).split()
    name, value = key.split("=")
    publisher = Process(run, *arguments, environment={name: value})
    expect(clients.locator("b")).to_contain_text("flagstaff")
    publisher.stop()
    expect(clients).to_contain_text("No host follows these flags")


def test_an_api_key_is_in_the_copied_command_and_not_on_the_screen(look, serve):
    service = serve({"a": 1}, "--api-key", "s3cret-key")
    page = look(service, "#key=s3cret-key", **CLIPBOARD)
    clients = page.locator("#clients")
    expect(clients.locator("code")).to_contain_text("FLAGSTAFF_API_KEY='•••'")
    assert "FLAGSTAFF_API_KEY=s3cret-key " in copied(page, clients)
    assert "s3cret" not in page.evaluate("document.documentElement.outerHTML")


def test_a_filter_without_a_result_offers_all_flags_or_a_new_one(page, service):
    page.get_by_label("Filter flags by key or value").fill("beta")
    empty = page.locator("#empty")
    expect(empty).to_contain_text("No flag matches “beta”")
    button(empty, "New flag “beta”").click()
    expect(page.locator("#add").get_by_label("Key")).to_have_value("beta")
    page.keyboard.press("Enter")
    expect(row(page, "beta")).to_be_focused()
    eventually(lambda: service.text("beta") == "false")
