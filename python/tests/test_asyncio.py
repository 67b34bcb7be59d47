"""Waiting in an event loop."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from flagstaff import _asyncio
from server import eventually


def watchers():
    names = []
    for task in Path("/proc/self/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:
            pass
    return names.count("flag-watcher")


def test_the_loop_runs_while_one_waits(client, server):
    async def main():
        ticks = 0
        waiting = asyncio.create_task(client.wait_for_change_async())
        while not waiting.done():
            await asyncio.sleep(0.01)
            ticks += 1
            if ticks == 10:
                server.publish({"on": False})
        return ticks, await waiting

    before = client.generation
    ticks, generation = asyncio.run(asyncio.wait_for(main(), 20))
    assert ticks >= 10
    assert generation == before + 1


def test_a_wait_ends_with_its_time_or_at_once(reader):
    async def main():
        begun = time.monotonic()
        assert await reader.wait_for_change_async(timeout=0.1) == reader.generation
        assert time.monotonic() - begun < 5
        assert await reader.wait_for_change_async(reader.generation + 1) == reader.generation
        assert await reader.wait_for_change_async(reader.generation, 0) == reader.generation

    asyncio.run(main())


def test_many_waits_share_one_thread_which_ends_when_they_are_cancelled(client):
    eventually(lambda: watchers() == 0)

    async def main():
        waits = [asyncio.create_task(client.wait_for_change_async()) for _ in range(200)]
        await asyncio.sleep(0.05)
        count = watchers()
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        return count

    assert asyncio.run(main()) == 1
    assert not _asyncio._hubs
    eventually(lambda: watchers() == 0)


@pytest.mark.parametrize("kind", ["client", "reader"])
def test_changes_are_iterated_from_the_call_on(kind, client, reader, server):
    flags = {"client": client, "reader": reader}[kind]

    async def main():
        changes = flags.changes()
        server.publish({"on": False})
        await asyncio.get_running_loop().run_in_executor(None, client.wait_for_change, 1, 20)
        told = []
        async for change in changes:
            told.append({one.key: one.new for one in change})
            if len(told) == 2:
                break
            server.publish({"on": True})
        await changes.aclose()
        return told

    told = asyncio.run(asyncio.wait_for(main(), 30))
    assert told[0]["on"] is False
    assert told[1] == {"on": True}
    assert not _asyncio._hubs
    eventually(lambda: watchers() == 0)


def test_loops_of_other_threads_have_watchers_of_their_own(client, server):
    eventually(lambda: watchers() == 0)

    def wait():
        asyncio.run(asyncio.wait_for(client.wait_for_change_async(1), 20))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    eventually(lambda: watchers() == 3)
    server.publish({"other": 1})
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_a_loop_that_is_closed_over_a_wait_leaves_nothing_for_the_next(client):
    loop = asyncio.new_event_loop()
    task = loop.create_task(client.wait_for_change_async())
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()
    asyncio.run(client.wait_for_change_async(timeout=0.05))
    assert not _asyncio._hubs
    del task
    eventually(lambda: watchers() == 0)
