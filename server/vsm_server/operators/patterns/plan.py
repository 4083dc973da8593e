"""A pattern as it runs: checked, parsed, nothing left to look up."""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vsm.v1 import patterns_pb2

Mask = NDArray[np.bool_]
Compare = Callable[[Any, Any], Any]

HOLDS: dict[int, Compare] = {
    patterns_pb2.OPERATOR_EQUAL: operator.eq,
    patterns_pb2.OPERATOR_NOT_EQUAL: operator.ne,
    patterns_pb2.OPERATOR_LESS: operator.lt,
    patterns_pb2.OPERATOR_LESS_OR_EQUAL: operator.le,
    patterns_pb2.OPERATOR_GREATER: operator.gt,
    patterns_pb2.OPERATOR_GREATER_OR_EQUAL: operator.ge,
}


class PatternInvalid(Exception):  # noqa: N818  the caller's mistake
    """The pattern breaks a rule. `path` is the offending field of the request's pattern, `problem` says what is allowed."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class PatternUnsupported(Exception):  # noqa: N818  as PatternInvalid
    """The pattern uses a feature that this version does not run. `path` is the field, `feature` its name."""

    def __init__(self, path: str, feature: str) -> None:
        super().__init__(f"{path}: {feature} is not supported yet")
        self.path = path
        self.feature = feature


class Sort(Enum):
    """Where a field lives in the columns."""

    UNIT = "unit"
    KIND = "kind"
    MEASURE = "measures"
    LABEL = "labels"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an event; `name` is empty for unit and kind."""

    sort: Sort
    name: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers; all others hold words."""
        return self.sort is Sort.MEASURE


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there; `absent` turns it round."""

    cache_key: bytes
    field: Field
    absent: bool


@dataclass(frozen=True, slots=True)
class NumberIs:
    """A measure against a number."""

    cache_key: bytes
    field: Field
    holds: Compare
    number: float


@dataclass(frozen=True, slots=True)
class WordIs:
    """A test of a word, made once for each entry of the dictionary.

    `words` are the only ones that pass, None when that is not known. `ranked`: the test is of severities, any other word is of an
    unlike type.
    """

    cache_key: bytes
    field: Field
    test: Callable[[str], bool]
    words: frozenset[str] | None = None
    ranked: bool = False


@dataclass(frozen=True, slots=True)
class OtherIs:
    """A field against another of the same event and type."""

    cache_key: bytes
    field: Field
    holds: Compare
    other: Field


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Unlike types: never true, counted where all of the fields are there."""

    cache_key: bytes
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """All of the parts hold (true when empty), or any of them (false when empty)."""

    cache_key: bytes
    every: bool
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    cache_key: bytes
    part: "Node"


Node = Exists | NumberIs | WordIs | OtherIs | Mismatch | Junction | Not


class Function(Enum):
    """Figures over a window."""

    COUNT = patterns_pb2.AGGREGATE_FUNCTION_COUNT
    RATE = patterns_pb2.AGGREGATE_FUNCTION_RATE
    SUM = patterns_pb2.AGGREGATE_FUNCTION_SUM
    MEAN = patterns_pb2.AGGREGATE_FUNCTION_MEAN
    MIN = patterns_pb2.AGGREGATE_FUNCTION_MIN
    MAX = patterns_pb2.AGGREGATE_FUNCTION_MAX
    RATIO = patterns_pb2.AGGREGATE_FUNCTION_RATIO


@dataclass(frozen=True, slots=True)
class Limit:
    """`over` when `holds(figure, threshold)`, back when not `holds(figure, rearm)`. `upward`: GREATER or GREATER_OR_EQUAL."""

    holds: Compare
    threshold: float
    rearm: float
    upward: bool


@dataclass(frozen=True, slots=True)
class AggregatePlan:
    """A figure over a sliding window. `field` is set for SUM, MEAN, MIN and MAX; `numerator` for RATIO."""

    function: Function
    limit: Limit
    window_ns: int
    min_events: int
    field: str = ""
    numerator: Node | None = None
    denominator: Node | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A pattern that can run.

    `where` is None when every event counts. `kinds` are the only kinds that can matter, None when any can. `suspects` are the
    comparisons that may meet unlike types. `rule` is the canonical text of what decides matches: equal rules match alike.
    """

    rule: bytes
    key: tuple[Field, ...]
    lateness_ns: int
    where: Node | None
    kinds: frozenset[str] | None
    suspects: tuple[WordIs | Mismatch, ...]
    aggregate: AggregatePlan | None = field(default=None)
