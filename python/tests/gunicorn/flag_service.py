"""A service of feature flags in a process of its own: HTTP/1.1, Server-Sent Events, counted bytes.

    with FlagService() as service:
        service.publish({"on": True})
        service.stats()["live"]

Responses are chunked, as servers send them, each event in two chunks with the border in its middle. `plain` ones have no length and
end with the connection; after each event comes a comment of 8 KiB, because a client that waits until 4 KiB are full would not see the
end of the event before the next one. That is the best case of such a client.
"""

import asyncio
import json
import subprocess
import sys
import time

PADDING = (b":" + b" " * 1022 + b"\n") * 8 + b"\n"
HEARTBEAT = 15


class Server:
    def __init__(self, plain):
        self.plain = plain
        self.event = None
        self.version = 0
        self.bytes = 0
        self.opened = []
        self.live = {}

    async def serve(self):
        server = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        say({"port": server.sockets[0].getsockname()[1]})
        commands = asyncio.StreamReader(limit=1 << 26)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
        )
        while line := await commands.readline():
            command = json.loads(line)
            if "publish" in command:
                self.event = b"data: " + command["publish"].encode() + b"\n\n"
                self.version += 1
                for wake in self.live.values():
                    wake.set()
            say(
                {"bytes": self.bytes, "opened": self.opened, "live": list(self.live), "now": time.monotonic()}
            )

    async def connected(self, reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            port = writer.get_extra_info("peername")[1]
            self.opened.append([time.monotonic(), port])
            wake = self.live[port] = asyncio.Event()
            end = asyncio.ensure_future(reader.read())
            # A reset is an end like any other.
            end.add_done_callback(lambda end: (end.cancelled() or end.exception(), wake.set()))
            try:
                await self.stream(writer, wake, end)
            finally:
                del self.live[port]
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def stream(self, writer, wake, end):
        framing = b"" if self.plain else b"Transfer-Encoding: chunked\r\n"
        await self.send(writer, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + framing + b"\r\n")
        sent = 0
        while not end.done():
            wake.clear()
            if sent != self.version:
                sent, event = self.version, self.event
                half = len(event) // 2
                await self.send(writer, *map(self.framed, (event[:half], event[half:])))
                if self.plain:
                    await self.send(writer, PADDING)
            try:
                await asyncio.wait_for(wake.wait(), HEARTBEAT)
            except asyncio.TimeoutError:
                await self.send(writer, self.framed(b": heartbeat\n\n"))

    def framed(self, data):
        return data if self.plain else b"%x\r\n%s\r\n" % (len(data), data)

    async def send(self, writer, *pieces):
        for piece in pieces:
            writer.write(piece)
            self.bytes += len(piece)
            await writer.drain()


def say(answer):
    print(json.dumps(answer), flush=True)


class FlagService:
    """The side of the test: starts the process, and asks it."""

    def __init__(self, plain=False):
        self.process = subprocess.Popen(
            [sys.executable, __file__, *(["plain"] if plain else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = f"http://127.0.0.1:{self.answer()['port']}"

    def publish(self, flags):
        """Send flags, a dict or a text as it is, to everybody who is connected, and to everybody who connects later."""
        return self.ask({"publish": flags if isinstance(flags, str) else json.dumps(flags)})

    def stats(self):
        return self.ask({})

    def ask(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


if __name__ == "__main__":
    asyncio.run(Server(plain="plain" in sys.argv).serve())
