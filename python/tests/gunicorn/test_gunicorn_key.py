"""A wrong key is seen where nobody has set up a log."""

import time

from server import eventually, serving


# It was in no place at all: Gunicorn sets up its own loggers only, and ours dropped what nobody takes.
def test_a_wrong_key_stands_once_in_the_log_of_gunicorn(make_fleet):
    with serving() as refusing:
        refusing.status = 401
        fleet = make_fleet(url=refusing.url, workers=3)
        eventually(fleet.all_pids)
        eventually(lambda: fleet.ask_all("read") and refusing.requests)

        def lines():
            return [line for line in fleet.log.read_text().splitlines() if line.startswith("flagstaff: ")]

        eventually(lines)
        # The publisher is asked to try again, and each refusal is one more error.
        asked = len(refusing.requests)
        eventually(lambda: len(refusing.requests) > asked or time.monotonic() > fleet.begun + 8)
        (line,) = lines()
        assert line.startswith("flagstaff: no stream")
        assert "401" in line
        assert "test-key" not in fleet.log.read_text()
