"""Whatever stands in place of a token, the caller is known by it, or turned away with a reason."""

import functools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.functional.forging import Forge, b64, joined
from tests.fuzz.oracle import SYSTEM, Oracle

# Of the core: what is too much for metadata, before anybody reads it as a token.
REFUSED = frozenset({"ERROR_REASON_TOKEN_INVALID", "ERROR_REASON_TOKEN_EXPIRED", "of the core"})
# A good token may still say that its holder may do little.
TOLD = REFUSED | {"OK", "ERROR_REASON_RATE_LIMITED", "ERROR_REASON_SCOPE_MISSING", "ERROR_REASON_SYSTEM_DENIED", "ERROR_REASON_ZONE_DENIED"}
VISIBLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just("x" * 2_000)
    | st.just("\ud800")
    | st.just(10**400)
)
JSON = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=4)
NAMES = ("iss", "aud", "sub", "exp", "iat", "nbf", "jti", "auth", "zone", "scopes", "systems", "units", "speaks_for", "cnf", "crit")
HEADERS = ("alg", "kid", "typ", "crit", "jku", "x5u", "jwk", "x5c", "b64", "zip", "cty")
CHANGES = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON))
# Of a kind that the claim may have, so that more of them pass.
WORDS = st.lists(
    st.sampled_from(("*", "operations.*", SYSTEM, "S1", "u", "*.report", "systems/", "", "\x00", "\ud800")) | st.text(max_size=6),
    max_size=5,
)
FAIR = st.fixed_dictionaries(
    {},
    optional={
        "sub": st.text(min_size=1, max_size=130),
        "jti": st.text(min_size=1, max_size=130),
        **dict.fromkeys(("exp", "iat", "nbf", "auth"), st.integers(0, 2**40) | st.floats(0, 4e9)),
        "zone": st.sampled_from(("PUBLIC", "DMZ", "PRIVATE", "private", "ZONE_DMZ")),
        **dict.fromkeys(("scopes", "systems", "units", "speaks_for"), WORDS),
        "cnf": st.fixed_dictionaries({"x5t#S256": st.text(max_size=44) | st.just(b64(bytes(32)))}),
    },
)
# Whoever is nobody in particular calls what is open only so often.
LIMITED = "ERROR_REASON_RATE_LIMITED"
WHOLE = settings(suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def forge(patient: Oracle) -> Forge:
    """By the key of the server."""
    return Forge.of(patient.server.data_dir)


def _try(patient: Oracle, token: str) -> set[str]:
    """What a token is told when it reads who it is, reports, opens a stream, and keeps to what is open to all."""
    metadata = (("authorization", f"Bearer {token}"),)
    told = {
        patient.send("/vsm.v1.SecurityService/WhoAmI", [b""], metadata),
        patient.send("/vsm.v1.SystemService/GetStatus", [_parent()], metadata),
        patient.send("/vsm.v1.AlgedonicService/WatchSignals", [_parent()], metadata),
    }
    assert patient.send("/vsm.v1.SecurityService/GetKeys", [b""], metadata) in {"OK", "of the core", LIMITED}
    patient.check()
    return told


@functools.cache
def _parent() -> bytes:
    return bytes([1 << 3 | 2, len(SYSTEM)]) + SYSTEM.encode()


@WHOLE
@given(changes=CHANGES | FAIR)
@example(changes={"sub": "\ud800"})
@example(changes={"sub": "gr\u00f6\u00dfe"})
@example(changes={"jti": "\ud800"})
@example(changes={"scopes": ["*", "\ud800"], "systems": ["*", "\ud800"], "units": ["\ud800"]})
def test_any_claims_are_read_or_refused(patient: Oracle, forge: Forge, changes: dict[str, Any]) -> None:
    """A rightly signed token with anything in its claims is read or refused with a reason, wherever its words go from there."""
    assert _try(patient, forge.claiming(**changes)) <= TOLD


@WHOLE
@given(changes=st.fixed_dictionaries({}, optional=dict.fromkeys(HEADERS, JSON)) | st.dictionaries(st.text(max_size=8), JSON, max_size=3))
def test_any_header_is_refused_or_harmless(patient: Oracle, forge: Forge, changes: dict[str, Any]) -> None:
    """A rightly signed token with anything in its header is refused, unless the header says what it would say anyway."""
    header = {**forge.header(), **changes}
    told = _try(patient, joined(header, forge.claims(), forge.key.sign))
    assert told <= REFUSED or header == forge.header() or (told == {"OK"} and changes.keys() <= {"typ"})


@WHOLE
@given(header=JSON, payload=JSON)
def test_any_json_is_refused(patient: Oracle, forge: Forge, header: object, payload: object) -> None:
    """Rightly signed JSON of any shape that is no claims is refused."""
    assert _try(patient, joined(header, payload, forge.key.sign)) <= REFUSED
    assert _try(patient, joined(forge.header(), payload, forge.key.sign)) <= REFUSED


@WHOLE
@given(bodies=st.lists(st.binary(max_size=120), min_size=1, max_size=5), dots=st.sampled_from((".", "..", "")))
def test_any_segments_are_refused(patient: Oracle, bodies: list[bytes], dots: str) -> None:
    """Segments of any bytes, any number of them, are refused."""
    assert _try(patient, dots.join(map(b64, bodies))) <= REFUSED


@WHOLE
@given(text=st.text(VISIBLE, max_size=300))
def test_any_text_is_refused(patient: Oracle, text: str) -> None:
    """Any text that may stand in metadata is refused."""
    assert _try(patient, text) <= REFUSED


@WHOLE
@given(place=st.floats(0, 0.999), letter=st.characters(min_codepoint=0x21, max_codepoint=0x7E))
def test_a_changed_letter_is_refused(patient: Oracle, forge: Forge, place: float, letter: str) -> None:
    """A good token with one letter changed is refused; its last letter has bits that say nothing, and those too are held to."""
    good = forge.claiming()
    at = int(place * len(good))
    changed = f"{good[:at]}{letter}{good[at + 1 :]}"
    assert _try(patient, changed) <= (REFUSED if changed != good else {"OK"})


@pytest.mark.parametrize("depth", [10, 500, 900, 1_100, 2_000])
def test_deep_claims_are_refused(patient: Oracle, forge: Forge, depth: int) -> None:
    """Claims nested without end are refused, rightly signed or not."""
    deep = ("[" * depth + "]" * depth).encode()
    for payload in (deep, b'{"sub":' + deep + b"}", json.dumps(forge.claims()).encode()[:-1] + b',"x":' + deep + b"}"):
        signed = f"{b64(json.dumps(forge.header()).encode())}.{b64(payload)}"
        assert _try(patient, f"{signed}.{b64(forge.key.sign(signed.encode()))}") <= TOLD
        assert _try(patient, f"{b64(payload)}.{b64(payload)}.{b64(bytes(64))}") <= REFUSED
