"""A switch on the page is a value in every process of the host."""

from playwright.sync_api import expect

from on_page import shown, switch, toast
from service import eventually


def test_a_toggle_on_the_page_is_read_by_another_process(page, host):
    assert host.get("new-checkout") == "true"
    switch(page, "new-checkout").click()
    expect(switch(page, "new-checkout")).to_have_attribute("aria-checked", "false")
    eventually(lambda: host.get("new-checkout") == "false", "the new value in another process")
    watcher = host.watch("new-checkout")
    switch(page, "new-checkout").click()
    change = watcher.line(r'"key":"new-checkout".*"new":true')
    assert '"old":false' in change.string
    watcher.stop()


def test_two_pages_stay_in_step(look, service):
    one, other = look(service), look(service)
    switch(one, "dark-mode").click()
    expect(switch(other, "dark-mode")).to_have_attribute("aria-checked", "true")
    switch(other, "dark-mode").click()
    expect(switch(one, "dark-mode")).to_have_attribute("aria-checked", "false")
    service.put("cart-limit", "51")
    for page in (one, other):
        shown(page, "cart-limit", "51")


def test_presses_that_follow_fast_end_where_the_last_one_points(page, service):
    # All within one task of the page: the first answer is still under way when the last press comes.
    page.evaluate(
        "for (let i = 0; i < 7; i++) document.querySelector('[data-key=dark-mode] .switch').click()"
    )
    eventually(lambda: service.text("dark-mode") == "true", "the value of the last press")
    expect(switch(page, "dark-mode")).to_have_attribute("aria-checked", "true")
    eventually(lambda: page.evaluate("sent.size === 0"), "the answer")
    assert service.text("dark-mode") == "true"


def test_a_toggle_that_cannot_be_sent_goes_back_and_says_so(page):
    # The stream lives, so that the page takes the press, and the change is lost on its way.
    page.route("**/api/v1/flags/by-key?*", lambda route: route.abort())
    switch(page, "dark-mode").click()
    expect(toast(page)).to_contain_text("dark-mode was not changed")
    expect(switch(page, "dark-mode")).to_have_attribute("aria-checked", "false")
