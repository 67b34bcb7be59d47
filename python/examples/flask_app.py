"""Flask: `flask --app flask_app run`, or `gunicorn --config gunicorn.conf.py flask_app:app`."""

import os

from flask import Flask, jsonify

from flagstaff import create_soasap_client

flags = create_soasap_client(
    api_key=os.environ["SOASAP_API_KEY"],
    base_url=os.environ.get("SOASAP_BASE_URL", ""),
)
# The fastest way to read one flag often. Made once, it follows the flag, in forked workers too.
new_checkout = flags.bool_flag("new-checkout")

app = Flask(__name__)


@app.get("/")
def cart():
    # One generation for the whole request.
    with flags.snapshot() as now:
        limit = now.get("cart-limit", 50)
        banner = now.get("banner", "")
    return jsonify(checkout="new" if new_checkout else "old", limit=limit, banner=banner)


@app.get("/health")
def health():
    """Fail while flags are stale or none have arrived: for an alert. Workers go on with what they have."""
    status = flags.status()
    code = 503 if status.is_stale or not status.generation else 200
    return jsonify(generation=status.generation, stale=status.is_stale), code
