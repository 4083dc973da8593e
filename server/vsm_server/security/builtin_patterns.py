"""The patterns by which a system recognises attacks on its server: ordinary ones, visible, for its operators to change. Pure."""

from google.protobuf.duration_pb2 import Duration
from vsm.v1 import patterns_pb2 as pb
from vsm.v1 import subsystem_pb2 as sub

from vsm_server.security.sightings import TOKEN_REPLAY, ZONE_HOPPING

ACCESS_DENIED = "access_denied"
WHO = "labels.who"

_BURST = 20.0  # refusals of one caller within the window
_WINDOW_S = 60
_COOLDOWN_S = 600


def builtin_patterns(system: str) -> list[pb.Pattern]:
    """Brute force, zone hopping and replay, as patterns of this system."""
    return [_burst(system), _zone_hopping(system), _token_replay(system)]


def _burst(system: str) -> pb.Pattern:
    return pb.Pattern(
        name=f"{system}/patterns/access-denied-burst",
        description="Brute force: one caller, or one host without a good token, was refused 20 times within a minute.",
        key_by=[WHO],
        aggregate=pb.Aggregate(
            condition=_is_kind(ACCESS_DENIED),
            function=pb.AGGREGATE_FUNCTION_SUM,
            field="measures.count",
            window=Duration(seconds=_WINDOW_S),
            operator=pb.OPERATOR_GREATER_OR_EQUAL,
            threshold=_BURST,
        ),
        reaction=_alarm("{labels.who} was refused 20 times or more within a minute: somebody may be trying to get in"),
    )


def _zone_hopping(system: str) -> pb.Pattern:
    return pb.Pattern(
        name=f"{system}/patterns/zone-hopping",
        description="One subject called with tokens for three zones within 100 ms.",
        key_by=[WHO],
        event=_is_kind(ZONE_HOPPING),
        reaction=_alarm("{labels.who} was seen in three zones within 100 ms: its tokens may be stolen"),
    )


def _token_replay(system: str) -> pb.Pattern:
    return pb.Pattern(
        name=f"{system}/patterns/token-replay",
        description="One token came from two hosts within a minute; seen where detect_replay is on.",
        key_by=[WHO],
        event=_is_kind(TOKEN_REPLAY),
        reaction=_alarm("a token of {labels.who} came from {labels.earlier_peer}, then from {labels.peer}: it may be stolen"),
    )


def _is_kind(kind: str) -> pb.Predicate:
    return pb.Predicate(comparison=pb.Comparison(field="kind", operator=pb.OPERATOR_EQUAL, text=kind))


def _alarm(words: str) -> pb.Reaction:
    return pb.Reaction(severity=sub.SEVERITY_HIGH, valence=sub.VALENCE_PAIN, description=words, cooldown=Duration(seconds=_COOLDOWN_S))
