"""Logs of a process: one JSON object per line on stderr, every line with its trace id and none with a secret.

Logs of six processes are read together, so all speak the same keys (those of the Elastic Common Schema), and whatever a
library logs through the standard library takes the same way out.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from hydatis_serving.masking import mask

__all__ = ["get_logger", "setup_logs"]

_RENAMED = {
    "timestamp": "@timestamp",
    "level": "log.level",
    "event": "message",
    "logger": "log.logger",
    "exception": "error.stack_trace",
}


def setup_logs(service_name: str, level: str = "INFO", log_format: str = "json", stream: TextIO | None = None) -> None:
    """Routes all logs of the process, ours and the standard library's, to one stream.

    Args:
        service_name: what stands in ``service.name``.
        level: lowest level that is logged.
        log_format: "json" or "console".
        stream: where to; None: stderr.
    """

    def add_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service.name"] = service_name
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        _add_trace,
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, _ecs_keys, structlog.processors.JSONRenderer(default=str)]
        if log_format == "json"
        # the renderer's own choice of stack trace shows every local variable, a secret's too
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _masked], foreign_pre_chain=shared
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: ``log.info("table published", generation=g)`` makes one line, its keywords its fields."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _masked(_: WrappedLogger, __: str, line: Any) -> str:
    return mask(str(line))


def _add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace.id"] = f"{span.trace_id:032x}"
        event["span.id"] = f"{span.span_id:016x}"
    return event


def _ecs_keys(_: WrappedLogger, __: str, event: EventDict) -> dict[str, Any]:
    first = {new: event[old] for old, new in _RENAMED.items() if old in event}
    return first | {key: value for key, value in event.items() if key not in _RENAMED}
