"""Whatever metadata a client's library lets through, the call is answered or refused by the contract."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.oracle import EXAMPLES, Metadata, Oracle

WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=200)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_.-"
KEYS = st.text(st.sampled_from(LETTERS), min_size=1, max_size=40).filter(
    lambda key: not key.startswith("grpc-") and not key.endswith("-bin")
) | st.sampled_from(("x-request-id", "x-forwarded-for", "user-agent-x", "host", "cookie", "traceparent", "tracestate", "baggage", "via"))
PAIRS = st.tuples(KEYS, WORDS) | st.tuples(KEYS.map(lambda key: f"{key}-bin"), st.binary(max_size=300))
WHOLE = settings(suppress_health_check=list(HealthCheck))
METHODS = (
    "/vsm.v1.SecurityService/WhoAmI",
    "/vsm.v1.SecurityService/GetKeys",
    "/vsm.v1.SystemService/ListSystems",
    "/grpc.health.v1.Health/Check",
    "/vsm.v1.OperationsService/StreamEvents",
    "/vsm.v1.AlgedonicService/WatchSignals",
)
ANSWERS = {"OK", "ERROR_REASON_FIELD_INVALID", "ERROR_REASON_TOKEN_INVALID", "ERROR_REASON_RATE_LIMITED", "of the core"}


@WHOLE
@given(path=st.sampled_from(METHODS), pairs=st.lists(PAIRS, max_size=12), known=st.booleans())
def test_any_metadata_are_borne(patient: Oracle, path: str, pairs: Metadata, *, known: bool) -> None:
    """Keys and values of any kind, twice or in great number, change nothing about a call."""
    told = patient.send(path, [b""], [*(patient.metadata if known else ()), *pairs])
    assert told in ANSWERS
    patient.check()


@WHOLE
@given(texts=st.lists(WORDS | st.just("x" * 6_000), min_size=1, max_size=4))
def test_any_request_id_is_borne(patient: Oracle, texts: list[str]) -> None:
    """A request id of any text, or several, is taken or left, and the call is answered."""
    ids = [("x-request-id", text) for text in texts]
    assert patient.send("/vsm.v1.SecurityService/WhoAmI", [b""], [*patient.metadata, *ids]) in {"OK", "of the core"}
    patient.check()


@WHOLE
@given(values=st.lists(WORDS, max_size=5), place=st.integers(0, 5))
def test_more_than_one_authorization_is_none(patient: Oracle, values: list[str], place: int) -> None:
    """A good token among others, before, between or after them, is as good as none."""
    pairs: list[tuple[str, str | bytes]] = [("authorization", value) for value in values]
    pairs[place:place] = patient.metadata
    told = patient.send("/vsm.v1.SecurityService/WhoAmI", [b""], pairs)
    assert told == ("ERROR_REASON_TOKEN_INVALID" if values else "OK")
    patient.check()


@settings(WHOLE, max_examples=EXAMPLES // 3)
@given(count=st.integers(1, 400), size=st.integers(0, 120))
def test_many_metadata_are_refused_beyond_their_bound(patient: Oracle, count: int, size: int) -> None:
    """Up to the bound any number of pairs is borne; beyond it the call is RESOURCE_EXHAUSTED, not the connection lost."""
    told = patient.send("/vsm.v1.SecurityService/WhoAmI", [b""], [*patient.metadata, *((f"k{n}", "x" * size) for n in range(count))])
    weight = sum(len(f"k{n}") + size + 32 for n in range(count))
    assert told == "OK" or (told == "of the core" and weight > 14 << 10)
    assert told != "OK" or weight < 21 << 10
    patient.check()
