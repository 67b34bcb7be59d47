"""The examples run."""

import http.client
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from server import eventually, serving

EXAMPLES = Path(__file__).parent.parent / "examples"
SHOP = {"new-checkout": True, "cart-limit": 20, "banner": "Sale"}


@pytest.fixture
def shop():
    with serving(SHOP) as server:
        yield server


@pytest.fixture
def environment(shop, tmp_path):
    return {
        **os.environ,
        "SOASAP_API_KEY": "shop",
        "SOASAP_BASE_URL": shop.url,
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{EXAMPLES}{os.pathsep}{Path(__file__).parent}",
    }


@pytest.fixture
def output(environment):
    def output(*arguments):
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return output


def needs(*modules):
    missing = [module for module in modules if find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}; see tests/requirements.txt")


@needs("flask")
def test_flask(output):
    code = """if 1:
        from flask_app import app, flags
        assert flags.wait_until_ready(20)
        client = app.test_client()
        print(client.get("/").json, client.get("/health").json)
    """
    assert output("-c", code) == (
        "{'banner': 'Sale', 'checkout': 'new', 'limit': 20} {'generation': 1, 'stale': False}\n"
    )


@needs("flask", "openfeature")
def test_openfeature(output):
    code = """if 1:
        from openfeature_app import app, flags
        from server import eventually
        assert flags.wait_until_ready(20)
        client = app.test_client()
        eventually(lambda: client.get("/health").text == "READY\\n")
        print(client.get("/").text)
    """
    assert output("-c", code) == "Sale: the new checkout\n\n"


@needs("django")
def test_django(output):
    code = """if 1:
        from django_app import settings
        from django.test import Client
        assert settings.FLAGS.wait_until_ready(20)
        print(Client().get("/").json(), Client().get("/health").json())
    """
    assert output("-c", code) == ("{'checkout': 'new', 'limit': 20.0} {'generation': 1, 'stale': False}\n")


@needs("fastapi", "httpx")
def test_fastapi(output):
    code = """if 1:
        import asyncio
        from fastapi.testclient import TestClient
        from fastapi_app import app, changes, flags
        assert flags.wait_until_ready(20)
        print(TestClient(app).get("/").json(), TestClient(app).get("/health").json())
        async def first_event():
            response = await changes()
            events = response.body_iterator
            first = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0.1)
            first.cancel()
            print(first.done(), response.media_type)
        asyncio.run(first_event())
    """
    assert output("-c", code) == (
        "{'checkout': 'new', 'limit': 20.0} {'generation': 1, 'stale': False}\nFalse text/event-stream\n"
    )


@pytest.mark.parametrize(
    ("module", "client"),
    [
        pytest.param("flask_app", "flask_app.app.test_client()", marks=needs("flask")),
        pytest.param(
            "fastapi_app",
            "__import__('fastapi.testclient').testclient.TestClient(fastapi_app.app)",
            marks=needs("fastapi", "httpx"),
        ),
        pytest.param("django_app", "__import__('django.test').test.Client()", marks=needs("django")),
    ],
)
def test_health_fails_where_no_flags_have_ever_arrived(output, environment, module, client):
    # Nobody listens there.
    environment["SOASAP_BASE_URL"] = "http://127.0.0.1:9"
    answered = output("-c", f"import {module}; print({client}.get('/health').status_code)")
    assert answered == "503\n"


def test_a_prefork_pool(output, shop):
    lines = output(str(EXAMPLES / "prefork_pool.py"), "8").splitlines()
    assert [line.split()[1] for line in lines] == [str(number) for number in range(8)]
    assert all(line.endswith("new checkout") for line in lines)
    assert len({line.split()[3] for line in lines}) >= 3
    assert len(shop.requests) == 1


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def ask(path):
    connection = UnixConnection(path)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


@needs("flask", "gunicorn")
def test_gunicorn_with_the_configuration(environment, shop, tmp_path):
    at = tmp_path / "socket"
    command = [
        sys.executable,
        *("-m", "gunicorn", "--config", str(EXAMPLES / "gunicorn.conf.py"), "--workers", "3"),
        *("--bind", f"unix:{at}", "--log-file", str(tmp_path / "log"), "flask_app:app"),
    ]
    with subprocess.Popen(command, env=environment, cwd=tmp_path) as gunicorn:
        try:
            eventually(lambda: '"new"' in ask(at))
            shop.publish({**SHOP, "new-checkout": False})
            eventually(lambda: '"old"' in ask(at))
            assert all('"old"' in ask(at) for _ in range(20))
            assert len(shop.requests) == 1
        finally:
            gunicorn.terminate()
        assert gunicorn.wait(20) == 0
