"""Patterns over events: compiled once, evaluated by column."""

from vsm_server.operators.patterns.compiling import compile_pattern
from vsm_server.operators.patterns.conclusions import Conclusions, Matched, PatternCounts, Recovered
from vsm_server.operators.patterns.operator import PatternOperator
from vsm_server.operators.patterns.plan import PatternInvalid, PatternUnsupported, Plan

__all__ = [
    "Conclusions",
    "Matched",
    "PatternCounts",
    "PatternInvalid",
    "PatternOperator",
    "PatternUnsupported",
    "Plan",
    "Recovered",
    "compile_pattern",
]
