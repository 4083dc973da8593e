"""docs/errors.md, made from the contract's comments and the table of statuses."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

from vsm.v1 import errors_pb2

from vsm_server.rpc.errors import RETRY_AFTER_S_BY_REASON, STATUS_BY_REASON

ROOT = Path(__file__).parent.parent
ERRORS = ROOT / "docs" / "errors.md"
_PREFIX = "ERROR_REASON_"
_VALUE = re.compile(r"((?:^ *//[^\n]*\n)+) *(ERROR_REASON_\w+) = \d+;", re.MULTILINE)
_STATUS = re.compile(r"^([A-Z_]+): ")
_KEYS = re.compile(r" \{([\w, ]+)\}\.?")

HEAD = """# Errors

Every error that the server itself answers carries, in the trailer `grpc-status-details-bin`, a `google.rpc.Status` with these details:

- `google.rpc.ErrorInfo`, always: `reason` is one of the list below (as `ERROR_REASON_…`), `domain` is `vsm.v1`, `metadata` the keys named
  there.
- `google.rpc.RequestInfo`, always: the id under which the server's log speaks of the call. It is the caller's own `x-request-id`, where
  that is 1 to 64 letters, digits and dashes.
- `google.rpc.BadRequest` with FIELD_INVALID: the path of each offending field and what is allowed.
- `google.rpc.RetryInfo`, where it may be worth while to come again; the trailer `grpc-retry-pushback-ms` says so to gRPC's own retries.
- `google.rpc.QuotaFailure` with RATE_LIMITED.
- `vsm.v1.StreamEnd` at the end of a watch: the token to go on from.

Branch on `reason`, not on words. Repeat a call only after UNAVAILABLE, or where a RetryInfo says so, with the same `request_id`: it takes
effect once. What gRPC itself answers has no details: UNIMPLEMENTED for a method that is not there, RESOURCE_EXHAUSTED for a message or
metadata that is too large, DEADLINE_EXCEEDED and CANCELLED on the client's side, UNAVAILABLE when nobody is reached.

Made by `make docs` from the contract and the server's table; a test compares.

| reason | status | metadata | come again after | when |
|---|---|---|---|---|
"""


class Reason(NamedTuple):
    """One value of ErrorReason as its comment has it; `status` as the comment says."""

    name: str
    status: str
    keys: tuple[str, ...]
    words: str


def reasons() -> Iterator[Reason]:
    """Those that are sent, in the order of the contract."""
    text = (ROOT / "proto" / "vsm" / "v1" / "errors.proto").read_text()
    for comment, name in _VALUE.findall(text):
        if name == f"{_PREFIX}UNSPECIFIED":
            continue
        words = " ".join(line.strip().removeprefix("//").strip() for line in comment.strip().splitlines())
        status = _STATUS.match(words)
        assert status is not None, f"{name}: the comment begins with the status"
        keys = tuple(key.strip() for found in _KEYS.findall(words) for key in found.split(","))
        yield Reason(name, status[1], keys, _KEYS.sub("", words[status.end() :]).strip())


def errors_page() -> str:
    """The whole page."""
    page = HEAD
    for reason in reasons():
        number = cast("errors_pb2.ErrorReason", errors_pb2.ErrorReason.Value(reason.name))
        after = RETRY_AFTER_S_BY_REASON.get(number)
        row = (
            f"`{reason.name.removeprefix(_PREFIX)}`",
            STATUS_BY_REASON[number].name,
            ", ".join(f"`{key}`" for key in reason.keys),
            "" if after is None else f"{after:g} s",
            reason.words,
        )
        page += f"| {' | '.join(row)} |\n"
    return page


def metadata_given() -> Iterator[tuple[str, str, set[str]]]:
    """Where in the server which reason gets which keys, as far as they are written in place."""
    for path in sorted((ROOT / "server" / "vsm_server").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Refusal"):
                continue
            names = [node.attr for node in call.args[:1] if isinstance(node, ast.Attribute)]
            metadata = [word.value for word in call.keywords if word.arg == "metadata"]
            for name in names:
                for found in metadata:
                    if isinstance(found, ast.Dict):
                        yield f"{path.name}:{call.lineno}", name, {str(key.value) for key in found.keys if isinstance(key, ast.Constant)}
