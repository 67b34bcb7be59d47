"""Only the instruments of the test: a client needs no hook."""

import os


def post_worker_init(worker):
    import instruments

    instruments.start(os.environ["CONTROL"])
