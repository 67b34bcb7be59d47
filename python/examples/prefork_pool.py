"""A pool of forked workers, as Celery has one: the client is made once, before the fork.

python prefork_pool.py [tasks]
"""

import multiprocessing
import os
import sys

from flagstaff import create_soasap_client

flags = create_soasap_client(
    api_key=os.environ["SOASAP_API_KEY"],
    base_url=os.environ.get("SOASAP_BASE_URL", ""),
    preload=True,
)
new_checkout = flags.bool_flag("new-checkout")


def task(number):
    """Run in a worker. Nothing has to be done there after the fork."""
    return number, os.getpid(), new_checkout.get()


def main():
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    flags.wait_until_ready(timeout=5)
    # Workers are replaced after three tasks: one that published hands over without a reader noticing.
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=3) as pool:
        for number, pid, checkout in pool.imap(task, range(tasks)):
            print(f"task {number} in {pid}: {'new' if checkout else 'old'} checkout")


if __name__ == "__main__":
    main()
