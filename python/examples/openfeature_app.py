"""OpenFeature: `flask --app openfeature_app run`, or `gunicorn --preload openfeature_app:app`."""

import logging
import os

from flask import Flask
from openfeature import api
from openfeature.event import ProviderEvent

from flagstaff import create_soasap_client
from flagstaff.openfeature import FlagstaffProvider

flags = create_soasap_client(
    api_key=os.environ["SOASAP_API_KEY"],
    base_url=os.environ.get("SOASAP_BASE_URL", ""),
)
# Before the fork of a prefork server too: it works in every worker.
api.set_provider_and_wait(FlagstaffProvider(flags))
features = api.get_client()


def changed(details):
    logging.warning("changed: %s", details.flags_changed)


api.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, changed)

app = Flask(__name__)


@app.get("/")
def cart():
    checkout = "new" if features.get_boolean_value("new-checkout", False) else "old"
    return f"{features.get_string_value('banner', '')}: the {checkout} checkout\n"


@app.get("/health")
def health():
    return features.get_provider_status().value + "\n"
