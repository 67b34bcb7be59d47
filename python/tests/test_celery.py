"""A real Celery worker with its prefork pool, on a broker of files: the client is made before the fork, and workers are replaced."""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from server import eventually, serving

EXAMPLES = Path(__file__).parent.parent / "examples"

CONFIG = """
broker_url = "filesystem://"
broker_transport_options = {{"data_folder_in": "{0}", "data_folder_out": "{0}", "control_folder": "{0}/control"}}
result_backend = "file://{0}/results"
worker_hijack_root_logger = False
"""


@pytest.fixture
def host(tmp_path):
    """A folder of the broker, and the environment of the worker and of those who send tasks."""
    queue = tmp_path / "queue"
    (queue / "results").mkdir(parents=True)
    (tmp_path / "celery_config_of_the_test.py").write_text(CONFIG.format(queue))
    with serving({"payment-provider": "old"}) as server:
        yield (
            server,
            {
                **os.environ,
                "SOASAP_API_KEY": "shop",
                "SOASAP_BASE_URL": server.url,
                "HOME": str(tmp_path),
                "PYTHONPATH": f"{EXAMPLES}{os.pathsep}{tmp_path}",
                "CELERY_CONFIG_MODULE": "celery_config_of_the_test",
            },
        )


# Sends orders and prints what the workers say, until stdin ends. It reads no flags itself.
SENDER = """if 1:
    import json, sys
    from celery_app import charge, flags_health
    for line in sys.stdin:
        sent = [charge.delay(number) for number in range(8)]
        answers = [one.get(timeout=60) for one in sent]
        health = flags_health.delay().get(timeout=60)
        print(json.dumps([answers, health]), flush=True)
"""


@pytest.mark.skipif(find_spec("celery") is None, reason="celery is not installed; see tests/requirements.txt")
def test_every_process_of_a_celery_pool_sees_updates_with_one_stream(host, tmp_path):
    server, environment = host
    log = tmp_path / "worker.log"
    command = [sys.executable, "-m", "celery", "--app", "celery_app", "worker", "--concurrency", "2"]
    command += ["--max-tasks-per-child", "5", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with log.open("w") as output:
        worker = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=output, stderr=output)
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    workers = set()

    def all_say(provider):
        sender.stdin.write("\n")
        sender.stdin.flush()
        line = sender.stdout.readline()
        assert line, log.read_text()
        assert worker.poll() is None, log.read_text()
        answers, health = json.loads(line)
        workers.update(answer["worker"] for answer in answers)
        assert [answer["order"] for answer in answers] == list(range(8))
        return all(answer["provider"] == provider for answer in answers) and not health["stale"]

    try:
        eventually(lambda: all_say("old"), 60)
        for provider in ("new", "old", "newer"):
            server.publish({"payment-provider": provider})
            eventually(lambda provider=provider: all_say(provider), 60)
        # Replaced after five tasks each: the one with the stream among them.
        eventually(lambda: all_say("newer") and len(workers) >= 4, 60)
        # The service notices with its next heartbeat that the stream of a process that ended is gone.
        eventually(lambda: server.live == 1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0, log.read_text()
    finally:
        for process in (sender, worker):
            process.kill()
            process.wait()
