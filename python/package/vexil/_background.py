"""What threads of the native module call. Nothing here raises."""

import sys

_loggers: list = []


def _logger():
    if not _loggers:
        import logging

        logger = logging.getLogger("vexil")
        # A program that does not set up logging is not to find lines of a library on its standard error.
        logger.addHandler(logging.NullHandler())
        _loggers.append(logger)
    return _loggers[0]


def tell_log(level, text):
    """Log a line of the native module."""
    # Who has not imported logging by now has no handler for it.
    if "logging" in sys.modules:
        try:
            _logger().log(level, "%s", text)
        except Exception:
            pass


def tell_error(handler, source, messages, is_transient, since, dropped):
    """Call an error handler with its context."""
    try:
        from datetime import datetime, timezone

        from vexil import _errors
        from vexil._options import SoasapErrorContext, SoasapErrorSource

        kind = {"network": _errors.NetworkError, "disk": _errors.DiskError}.get(source, _errors.ParserError)
        if dropped:
            messages[-1] += f" ({dropped} errors before this one were not told, because the handler was busy)"
        exception = kind(": ".join(messages))
        timestamp = datetime.fromtimestamp(since, timezone.utc)
        context = SoasapErrorContext(exception, SoasapErrorSource(source), is_transient, timestamp)
    except BaseException:
        _log_exception("an error could not be told")
        return
    _call("the error handler raised; it will be called again all the same", handler, context)


def tell_changes(handler, changes):
    """Call a handler of changes."""
    _call("the change callback raised; it will be called again all the same", handler, changes)


def _call(message, handler, argument):
    try:
        handler(argument)
    # SystemExit too: a thread that is not Python's has nothing to end.
    except BaseException:
        _log_exception(message)


def _log_exception(message):
    try:
        _logger().error(message, exc_info=True)
    except BaseException:
        pass
