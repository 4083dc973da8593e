"""Lines of the log."""

import json
import logging

from vsm_server.logs import JsonLines


def test_record_is_one_json_line() -> None:
    """A record becomes one line of JSON with time, level, event and its own fields."""
    record = logging.makeLogRecord(
        {"name": "vsm", "levelname": "INFO", "msg": "refused %s", "args": ("x",), "created": 0.25, "trace": "t-1", "path": b"\xff"}
    )
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line) == {
        "ts": "1970-01-01T00:00:00.250000+00:00",
        "level": "info",
        "logger": "vsm",
        "event": "refused x",
        "trace": "t-1",
        "path": "b'\\xff'",
    }


def test_error_keeps_its_traceback_in_the_line() -> None:
    """An error's traceback is in the same line."""
    error = ValueError("two\nlines")
    record = logging.makeLogRecord({"msg": "bad", "exc_info": (ValueError, error, None)})
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "ValueError: two\nlines" in json.loads(line)["error"]
