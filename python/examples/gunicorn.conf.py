# Nothing in here is for the flags: no post_fork hook, with preload_app and without.
#
#     gunicorn --config gunicorn.conf.py flask_app:app
import multiprocessing

workers = 2 * multiprocessing.cpu_count() + 1
preload_app = True
# The worker that publishes may be recycled like any other.
max_requests = 10_000
max_requests_jitter = 1_000
