"""A service of feature flags on loopback: HTTP/1.1, chunked, Server-Sent Events, one thread for each connection."""

import json
import socket
import threading
import time
from contextlib import contextmanager


class FlagServer:
    """Sends all flags to everybody who connects, and again after each `publish`."""

    def __init__(self, flags=None):
        self.status = 200
        self.requests = []
        self.live = 0
        self._payload = None if flags is None else payload_of(flags)
        self._version = 0
        self._changed = threading.Condition()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def publish(self, flags):
        """Send flags (a dict, or a text as it is) to everybody."""
        with self._changed:
            self._payload = payload_of(flags)
            self._version += 1
            self._changed.notify_all()

    def drop_connections(self):
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # It wakes the thread that accepts, which a close alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(4096)
                if not piece:
                    return
                request += piece
            self.requests.append(request.decode())
            if self.status != 200:
                connection.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % self.status)
                return
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            self.live += 1
            try:
                self._stream(connection)
            finally:
                self.live -= 1
        except OSError:
            pass
        finally:
            connection.close()

    def _stream(self, connection):
        sent = None
        while True:
            with self._changed:
                if self._version == sent and not self._closed:
                    self._changed.wait(1)
                if self._closed:
                    return
                version, payload = self._version, self._payload
            if version == sent or payload is None:
                send_chunk(connection, b": heartbeat\n\n")
            else:
                event = b"data: " + payload + b"\n\n"
                # In two chunks, the border in the middle of the event.
                send_chunk(connection, event[: len(event) // 2])
                send_chunk(connection, event[len(event) // 2 :])
            sent = version


def payload_of(flags):
    text = flags if isinstance(flags, str) else json.dumps(flags, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def send_chunk(connection, data):
    connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))


@contextmanager
def serving(flags=None):
    server = FlagServer(flags)
    try:
        yield server
    finally:
        server.close()


def eventually(condition, seconds=20.0):
    """Wait until `condition()` is true, and return what it is then."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.005)
