"""Tasks that read flags: `celery --app celery_app worker --concurrency 4`.

Broker and results are set in a module that CELERY_CONFIG_MODULE names.
"""

import os

from celery import Celery

from flagstaff import create_soasap_client

# In the module of the application: made before the pool forks. Nothing has to be done after the fork.
flags = create_soasap_client(
    api_key=os.environ["SOASAP_API_KEY"],
    base_url=os.environ.get("SOASAP_BASE_URL", ""),
)

app = Celery("celery_app")
app.config_from_envvar("CELERY_CONFIG_MODULE", silent=True)


@app.task
def charge(order):
    # One generation for the whole task, however long it takes.
    with flags.snapshot() as now:
        return {"order": order, "provider": now.get("payment-provider", "old"), "worker": os.getpid()}


@app.task
def flags_health():
    """Say whether flags are fresh, in the worker process that runs it."""
    status = flags.status()
    return {"generation": status.generation, "stale": status.is_stale}
