"""`policy-service serve`: the HTTP service on one worker, its log as JSON lines on standard error."""

from __future__ import annotations

from typing import Any

import structlog
import uvicorn

from policy_service.cli.output import say
from policy_service.cli.status import FINE, UsageFault
from policy_service.compilers.rules_engine import EngineTrialError

APPLICATION = "api.app:create_app"
PROTOCOL = "api.connections:BoundedProtocol"
GRACE_SECONDS = 10


def run(host: str, port: int) -> int:
    """Serves until it is told to stop; gives the exit status. Raises UsageFault when it cannot start."""
    say(f"serving at http://{host}:{port}, described at http://{host}:{port}/docs")
    try:
        uvicorn.run(
            APPLICATION,
            factory=True,
            http=PROTOCOL,
            ws="none",
            proxy_headers=False,
            host=host,
            port=port,
            workers=1,
            access_log=False,
            server_header=False,
            log_config=log_config(),
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    except (ValueError, OSError, EngineTrialError) as error:  # settings, policies or the engine: the message says which
        raise UsageFault(f"cannot serve:\n{error}") from None
    return FINE


def log_config() -> dict[str, Any]:
    """The server's own log, one JSON object a line."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [structlog.stdlib.add_log_level, stamp],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
        "loggers": {"uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
    }
