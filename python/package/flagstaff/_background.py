"""What is done in threads of ours: greenlets, under gevent and eventlet.

They are started here, with `_thread`, from a thread of the caller, and take what the threads of the native
module have to say: see `relay.rs`. Nothing here raises for what a log or a callback does.
"""

import _thread
import os
import sys

from flagstaff import _flagstaff, _greenlets

# Where no log has been set up, errors are printed this often at most, in seconds.
_LAST_RESORT_EVERY = 60

_ERROR = 40

_last_resort_at: list = []


def start():
    """Start what carries out jobs in this process."""
    greenlets = _greenlets.found()
    if greenlets is None:
        _start_worker()
        return
    _thread.start_new_thread(_dispatch, (_flagstaff._descriptor(), greenlets, os.getpid()))


def _start_worker():
    _flagstaff._before_worker()
    try:
        _thread.start_new_thread(_work, (os.getpid(),))
    except BaseException:
        _flagstaff._without_worker()
        raise


def _work(process):
    _flagstaff._in_worker()
    # A callback may fork, and its thread lives on in the child, which has workers of its own.
    while os.getpid() == process and (found := _flagstaff._next_job()) is not None:
        job, was_last = found
        if was_last:
            # Each in a thread of its own, so that one that blocks holds up no other.
            try:
                _start_worker()
            except RuntimeError:
                # There are too many threads: the jobs wait for each other.
                pass
        _do(job)


def _dispatch(descriptor, greenlets, process):
    try:
        # Greenlets live on in a forked child: it has a dispatcher of its own, for its own jobs.
        while os.getpid() == process:
            for job in _flagstaff._jobs():
                _thread.start_new_thread(_do_in_greenlet, (job,))
            greenlets.wait_readable(descriptor)
            if os.getpid() != process:
                return
            try:
                os.read(descriptor, 4096)
            except BlockingIOError:
                pass
    except BaseException:
        # The exception of a signal handler may come out in a greenlet. It goes on to who may expect it.
        _thread.start_new_thread(_dispatch, (descriptor, greenlets, process))
        raise


def _do_in_greenlet(job):
    error = _do(job)
    # As above. In a thread it has nothing to end.
    if error is not None and not isinstance(error, Exception):
        raise error


def _do(job):
    """Log the lines, or call the callback and return what it raised."""
    if job.is_log:
        log_lines()
        return None
    name = "callback"
    try:
        call = job.take()
        if call is not None:
            name, tell = _KINDS[call[0]]
            tell(*call[1:])
    except BaseException as error:
        _log_exception(f"the {name} raised; it will be called again all the same", error)
        return error
    finally:
        job.done()


def log_lines():
    """Log what the native module has to say."""
    while (line := _flagstaff._next_line()) is not None:
        try:
            _log(*line)
        except Exception:
            pass


def at_exit():
    """Tell the last lines, give callbacks a moment to return, and close the clients."""
    from time import monotonic, sleep

    log_lines()
    _flagstaff._before_exit()
    deadline = monotonic() + 0.2
    while _flagstaff._running() and monotonic() < deadline:
        sleep(0.001)
    _flagstaff._at_exit()


def _log(level, text):
    # Who has not imported logging by now has no handler for it.
    logging = sys.modules.get("logging")
    logger = logging and logging.getLogger("flagstaff")
    if logger and logger.hasHandlers():
        logger.log(level, "%s", text)
    elif level >= _ERROR and (not logger or logger.isEnabledFor(level)):
        _print_as_last_resort(logging, f"flagstaff: {text}")


def _print_as_last_resort(logging, text):
    """Print an error where no log has been set up, as `logging` does. Somebody has to act on it."""
    from time import monotonic

    now = monotonic()
    if _last_resort_at and now - _last_resort_at[0] < _LAST_RESORT_EVERY:
        return
    _last_resort_at[:] = [now]
    if not logging:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    elif logging.lastResort:
        logging.lastResort.handle(logging.LogRecord("flagstaff", _ERROR, __file__, 0, "%s", (text,), None))


def _tell_error(handler, source, messages, is_transient, since, dropped):
    from datetime import datetime, timezone

    from flagstaff import _errors
    from flagstaff._options import SoasapErrorContext, SoasapErrorSource

    kind = {"network": _errors.NetworkError, "disk": _errors.DiskError}.get(source, _errors.ParserError)
    if dropped:
        messages[-1] += f" ({dropped} errors before this one were not told, because the handler was busy)"
    exception = kind(": ".join(messages))
    timestamp = datetime.fromtimestamp(since, timezone.utc)
    handler(SoasapErrorContext(exception, SoasapErrorSource(source), is_transient, timestamp))


def _tell_changes(handler, changes):
    handler(changes)


def _ring(handler):
    handler()


_KINDS = {
    "error": ("error handler", _tell_error),
    "changes": ("change callback", _tell_changes),
    "bell": ("event callback", _ring),
}


def _log_exception(message, error):
    try:
        logging = sys.modules.get("logging")
        logger = logging and logging.getLogger("flagstaff")
        if logger and logger.hasHandlers():
            logger.error(message, exc_info=error)
        elif not logger or logger.isEnabledFor(_ERROR):
            _print_as_last_resort(logging, f"flagstaff: {message}: {error!r}")
    except Exception:
        pass
