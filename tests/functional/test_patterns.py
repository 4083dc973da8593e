"""Patterns over the wire: kept, changed, removed, and refused with the path of what is wrong."""

from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from vsm.v1.patterns_pb2 import (
    AGGREGATE_FUNCTION_COUNT,
    AGGREGATE_FUNCTION_MEAN,
    OPERATOR_EQUAL,
    OPERATOR_GREATER,
    OPERATOR_GREATER_OR_EQUAL,
    OPERATOR_MATCHES,
    Aggregate,
    Comparison,
    CreatePatternRequest,
    DeletePatternRequest,
    GetPatternRequest,
    ListPatternsRequest,
    Oscillation,
    Pattern,
    Predicate,
    PredicateList,
    Sequence,
    Step,
    Trend,
    UpdatePatternRequest,
)

from tests.functional.wire import Wire, event, facts, log, refusal, rows

IS_ERROR = Predicate(comparison=Comparison(field="kind", operator=OPERATOR_EQUAL, text="error"))
MINUTE = Duration(seconds=60)


async def create(vsm: Wire, pattern: Pattern, request_id: str = "") -> Pattern:
    """Adds one, and gives it as it is."""
    request = CreatePatternRequest(pattern=pattern, request_id=request_id)
    return (await vsm.ask(vsm.patterns.CreatePattern, request)).pattern


async def get(vsm: Wire, name: str) -> Pattern:
    """Reads one by its name."""
    return (await vsm.ask(vsm.patterns.GetPattern, GetPatternRequest(name=name))).pattern


async def update(vsm: Wire, pattern: Pattern, *paths: str) -> Pattern:
    """Changes what `paths` name, and gives it as it is."""
    request = UpdatePatternRequest(pattern=pattern, update_mask=FieldMask(paths=paths))
    return (await vsm.ask(vsm.patterns.UpdatePattern, request)).pattern


async def detections(vsm: Wire, parent: str) -> int:
    """How many detections the log holds."""
    told = facts(await log(vsm, parent), "pattern_detected")
    return sum(len(fact.pattern_detected.detections) for fact in told)


async def test_a_pattern_reads_back_as_it_was_created(vsm: Wire, parent: str) -> None:
    """A created pattern has an etag, is read and listed by name, and exists once."""
    names = [f"{parent}/patterns/{segment}" for segment in ("b", "c", "a")]
    created = [await create(vsm, Pattern(name=name, event=IS_ERROR, description="errors", key_by=["unit"])) for name in names]
    assert all(pattern.etag for pattern in created)
    assert await get(vsm, names[0]) == created[0]
    page = await vsm.ask(vsm.patterns.ListPatterns, ListPatternsRequest(parent=parent, page_size=2))
    rest = await vsm.ask(vsm.patterns.ListPatterns, ListPatternsRequest(parent=parent, page_token=page.next_page_token))
    assert [pattern.name for pattern in (*page.patterns, *rest.patterns)] == sorted(names)
    assert page.resume_token
    refused = await refusal(create(vsm, Pattern(name=names[0], event=IS_ERROR)))
    assert (refused.code, refused.reason, refused.about["resource"]) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS", names[0])


async def test_a_retried_creation_is_one_pattern(vsm: Wire, parent: str) -> None:
    """The same request_id gives the first answer again, another pattern under it is refused."""
    request_id, pattern = str(uuid4()), Pattern(name=f"{parent}/patterns/p", event=IS_ERROR)
    first = await create(vsm, pattern, request_id)
    assert await create(vsm, pattern, request_id) == first
    refused = await refusal(create(vsm, Pattern(name=f"{parent}/patterns/q", event=IS_ERROR), request_id))
    assert refused.reason == "REQUEST_ID_REUSED"


async def test_an_update_changes_what_its_mask_names(vsm: Wire, parent: str) -> None:
    """Naming another form replaces the form; what the mask leaves out stays; a stale etag is ABORTED."""
    first = await create(vsm, Pattern(name=f"{parent}/patterns/p", event=IS_ERROR, description="old", key_by=["unit"]))
    count = Aggregate(function=AGGREGATE_FUNCTION_COUNT, window=MINUTE, operator=OPERATOR_GREATER_OR_EQUAL, threshold=3)
    second = await update(vsm, Pattern(name=first.name, aggregate=count, description="new", etag=first.etag), "aggregate")
    assert (second.WhichOneof("form"), second.description, list(second.key_by)) == ("aggregate", "old", ["unit"])
    assert second.etag != first.etag
    refused = await refusal(update(vsm, Pattern(name=first.name, description="x", etag=first.etag), "description"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await get(vsm, first.name) == second


@pytest.mark.parametrize("paths", [(), ("nonsense",), ("name",), ("etag",)])
async def test_a_mask_names_settable_fields_alone(vsm: Wire, parent: str, paths: tuple[str, ...]) -> None:
    """An empty mask, an unknown path and a path that cannot be set are refused."""
    first = await create(vsm, Pattern(name=f"{parent}/patterns/p", event=IS_ERROR))
    refused = await refusal(update(vsm, Pattern(name=first.name, event=IS_ERROR), *paths))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert refused.fields[0].startswith("update_mask")


async def test_a_disabled_pattern_does_not_run(vsm: Wire, parent: str) -> None:
    """A pattern that is disabled detects nothing until it is enabled again."""
    pattern = await create(vsm, Pattern(name=f"{parent}/patterns/p", event=IS_ERROR, disabled=True))
    await vsm.report(parent, rows(event(kind="error")))
    assert await detections(vsm, parent) == 0
    await update(vsm, Pattern(name=pattern.name, disabled=False), "disabled")
    await vsm.report(parent, rows(event(kind="error")))
    assert await detections(vsm, parent) == 1


async def test_a_deleted_pattern_is_gone(vsm: Wire, parent: str) -> None:
    """A stale etag keeps a pattern; once deleted it detects nothing and is NOT_FOUND."""
    pattern = await create(vsm, Pattern(name=f"{parent}/patterns/p", event=IS_ERROR))
    refused = await refusal(vsm.ask(vsm.patterns.DeletePattern, DeletePatternRequest(name=pattern.name, etag="stale")))
    assert refused.reason == "ETAG_MISMATCH"
    await vsm.ask(vsm.patterns.DeletePattern, DeletePatternRequest(name=pattern.name, etag=pattern.etag))
    await vsm.report(parent, rows(event(kind="error")))
    assert await detections(vsm, parent) == 0
    for call in (
        get(vsm, pattern.name),
        update(vsm, Pattern(name=pattern.name, description="x"), "description"),
        vsm.ask(vsm.patterns.DeletePattern, DeletePatternRequest(name=pattern.name)),
    ):
        assert (await refusal(call)).about["resource"] == pattern.name


async def test_a_pattern_starts_at_the_next_event(vsm: Wire, parent: str) -> None:
    """Events of before a pattern was added are not counted by it."""
    await vsm.report(parent, rows(*[event(kind="error")] * 5))
    count = Aggregate(function=AGGREGATE_FUNCTION_COUNT, window=MINUTE, operator=OPERATOR_GREATER_OR_EQUAL, threshold=3)
    await create(vsm, Pattern(name=f"{parent}/patterns/p", aggregate=count))
    await vsm.report(parent, rows(*[event(kind="error")] * 2))
    assert await detections(vsm, parent) == 0
    await vsm.report(parent, rows(event(kind="error")))
    assert await detections(vsm, parent) == 1


def deep(depth: int) -> Predicate:
    """A predicate negated so often."""
    predicate = IS_ERROR
    for _ in range(depth):
        predicate = Predicate(negation=predicate)
    return predicate


def comparing(field: str, **rest: object) -> Pattern:
    """A pattern of one comparison."""
    return Pattern(event=Predicate(comparison=Comparison(field=field, **rest)))  # type: ignore[arg-type]


INVALID = {
    "no form": (Pattern(), "pattern"),
    "unknown field": (comparing("temperature", operator=OPERATOR_GREATER, number=1.0), "pattern.event.comparison.field"),
    "field without a name": (comparing("measures.", operator=OPERATOR_GREATER, number=1.0), "pattern.event.comparison.field"),
    "no operator": (comparing("kind", text="x"), "pattern.event.comparison.operator"),
    "bad RE2": (comparing("kind", operator=OPERATOR_MATCHES, text="(unclosed"), "pattern.event.comparison.text"),
    "too deep": (Pattern(event=deep(17)), "pattern.event"),
    "too wide": (Pattern(event=Predicate(all=PredicateList(predicates=[IS_ERROR] * 65))), "pattern.event.all.predicates"),
    "window of nothing": (
        Pattern(aggregate=Aggregate(function=AGGREGATE_FUNCTION_COUNT, window=Duration(), operator=OPERATOR_GREATER, threshold=1)),
        "pattern.aggregate.window",
    ),
    "window of eight days": (
        Pattern(
            aggregate=Aggregate(
                function=AGGREGATE_FUNCTION_COUNT, window=Duration(seconds=8 * 86400), operator=OPERATOR_GREATER, threshold=1
            )
        ),
        "pattern.aggregate.window",
    ),
    "no limit": (
        Pattern(aggregate=Aggregate(function=AGGREGATE_FUNCTION_COUNT, window=MINUTE, operator=OPERATOR_GREATER)),
        "pattern.aggregate",
    ),
    "equal to a limit": (
        Pattern(aggregate=Aggregate(function=AGGREGATE_FUNCTION_COUNT, window=MINUTE, operator=OPERATOR_EQUAL, threshold=1)),
        "pattern.aggregate.operator",
    ),
    "mean of nothing": (
        Pattern(aggregate=Aggregate(function=AGGREGATE_FUNCTION_MEAN, window=MINUTE, operator=OPERATOR_GREATER, threshold=1)),
        "pattern.aggregate.field",
    ),
    "key of nothing": (Pattern(event=IS_ERROR, key_by=["colour"]), "pattern.key_by"),
    "five keys": (Pattern(event=IS_ERROR, key_by=["unit", "kind", "labels.a", "labels.b", "labels.c"]), "pattern.key_by"),
    "negative lateness": (Pattern(event=IS_ERROR, allowed_lateness=Duration(seconds=-1)), "pattern.allowed_lateness"),
}


@pytest.mark.parametrize("case", INVALID)
async def test_an_invalid_pattern_names_the_path(vsm: Wire, parent: str, case: str) -> None:
    """A bad pattern is INVALID_ARGUMENT with the path of what is wrong; the patterns that run are not disturbed."""
    pattern, path = INVALID[case]
    await create(vsm, Pattern(name=f"{parent}/patterns/good", event=IS_ERROR))
    bad = Pattern(name=f"{parent}/patterns/bad")
    bad.MergeFrom(pattern)
    refused = await refusal(create(vsm, bad))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert refused.fields[0].startswith(path)
    await vsm.report(parent, rows(event(kind="error")))
    assert await detections(vsm, parent) == 1


LATER = {
    "sequence": Pattern(sequence=Sequence(steps=[Step(name="a", condition=IS_ERROR)], within=MINUTE)),
    "trend": Pattern(trend=Trend(field="measures.load", window=MINUTE)),
    "oscillation": Pattern(oscillation=Oscillation(field="measures.load", window=MINUTE)),
    **{
        name: Pattern(
            aggregate=Aggregate(
                function=f"AGGREGATE_FUNCTION_{name}",
                field="measures.load",
                window=MINUTE,
                operator=OPERATOR_GREATER,
                threshold=1,
            )
        )
        for name in ("STANDARD_DEVIATION", "DISTINCT", "ENTROPY", "CHANGES")
    },
}


@pytest.mark.parametrize("case", LATER)
async def test_a_form_that_is_not_built_says_so(vsm: Wire, parent: str, case: str) -> None:
    """A valid pattern of a form or figure that this server lacks is UNIMPLEMENTED, with the feature, and not kept."""
    pattern = Pattern(name=f"{parent}/patterns/later")
    pattern.MergeFrom(LATER[case])
    refused = await refusal(create(vsm, pattern))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")
    assert refused.about["feature"]
    assert (await refusal(get(vsm, pattern.name))).reason == "NOT_FOUND"
