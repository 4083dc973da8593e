"""The log: one JSON object a line on stderr. Events have names; what is worth knowing is in fields. No payloads, no secrets."""

import json
import logging
from datetime import UTC, datetime
from typing import TextIO

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """ts (RFC 3339, UTC, microseconds), level, logger, event, then the record's own fields; error holds the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update((key, value) for key, value in vars(record).items() if key not in _OWN)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _quotes_no_metadata(record: logging.LogRecord) -> bool:
    """Whether the record may be told: the library quotes metadata that are no text, and a token may be among them."""
    return not record.msg.startswith("Invalid encoding on")


def log_to(stream: TextIO, level: str) -> None:
    """Send every log of the process there, from `level` on: debug, info, warning or error."""
    lines = logging.StreamHandler(stream)
    lines.setFormatter(JsonLines())
    logging.getLogger("grpc._cython.cygrpc").addFilter(_quotes_no_metadata)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # it warns of each request that is none: as many lines as a stranger likes
    logging.basicConfig(level=level.upper(), handlers=[lines], force=True)
