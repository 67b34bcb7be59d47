"""Many threads read while flags change."""

import threading

from server import eventually


def test_eight_threads_read_whole_values_while_flags_are_published(client, server):
    stop = threading.Event()
    wrong = []
    counts = [0] * 8
    flag = client.bool_flag("even")
    server.publish({"n": 0, "even": True, "text": "0" * 600, "json": {"n": 0, "twice": 0}})
    eventually(lambda: "n" in client.snapshot())

    def read(number):
        last = 0
        while not stop.is_set():
            counts[number] += 1
            now = client.get_number("n", None)
            value = client.get_json("json")
            text = client.get_string("text")
            snapshot = client.snapshot()
            good = (
                now is not None
                and now >= last
                and value["twice"] == 2 * value["n"]
                and len(text) >= 600
                and len(set(text)) == 1
                and snapshot["json"]["n"] == snapshot["n"]
                and snapshot["even"] == (snapshot["n"] % 2 == 0)
                and flag.get() in (True, False)
            )
            if not good:
                wrong.append((number, now, last, value, text[:10]))
                return
            last = now

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for turn in range(1, 300):
        server.publish(
            {
                "n": turn,
                "even": turn % 2 == 0,
                "text": str(turn % 10) * (600 + turn),
                "json": {"n": turn, "twice": 2 * turn},
            }
        )
        stop.wait(0.003)
    eventually(lambda: client.get_number("n") == 299 or wrong)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not wrong
    assert min(counts) > 10
