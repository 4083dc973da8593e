"""Patterns on the server: put there, and said in a line."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from vsm.v1 import patterns_pb2

from vsm_client.client import Client
from vsm_client.errors import VsmError

_SYMBOLS = {"LESS": "<", "LESS_OR_EQUAL": "<=", "GREATER": ">", "GREATER_OR_EQUAL": ">=", "EQUAL": "=", "NOT_EQUAL": "≠"}


async def put(client: Client, pattern: patterns_pb2.Pattern) -> tuple[str, patterns_pb2.Pattern]:
    """What was done (created, changed or unchanged), and the pattern as it now is."""
    try:
        created = await client.patterns.CreatePattern(patterns_pb2.CreatePatternRequest(pattern=pattern))
    except VsmError as error:
        if error.reason != "ALREADY_EXISTS":
            raise
    else:
        return "created", created.pattern
    present = (await client.patterns.GetPattern(patterns_pb2.GetPatternRequest(name=pattern.name))).pattern
    etag, present.etag = present.etag, ""
    if present == pattern:
        return "unchanged", present
    fields = ["description", "disabled", "key_by", pattern.WhichOneof("form") or "event", "reaction", "allowed_lateness"]
    wanted = patterns_pb2.Pattern(etag=etag)
    wanted.MergeFrom(pattern)
    request = patterns_pb2.UpdatePatternRequest(pattern=wanted, update_mask=FieldMask(paths=fields))
    return "changed", (await client.patterns.UpdatePattern(request)).pattern


def rule(pattern: patterns_pb2.Pattern) -> str:
    """The rule of a pattern in a few words."""
    form = pattern.WhichOneof("form") or "no rule"
    if form != "aggregate":
        return form
    aggregate = pattern.aggregate
    function = patterns_pb2.AggregateFunction.Name(aggregate.function).removeprefix("AGGREGATE_FUNCTION_").lower()
    symbol = _SYMBOLS.get(patterns_pb2.Operator.Name(aggregate.operator).removeprefix("OPERATOR_"), "?")
    limit = f"{aggregate.threshold:g}"
    if aggregate.HasField("baseline"):
        limit = f"{aggregate.baseline.factor:g} x that of {_seconds(aggregate.baseline.window)}"
    of = f" of {aggregate.field}" if aggregate.field else ""
    return f"{function}{of} over {_seconds(aggregate.window)} {symbol} {limit}"


def _seconds(length: Duration) -> str:
    return f"{length.ToNanoseconds() / 1e9:g} s"
