"""Rate limits of calls: by the class of the method, the zone and the caller."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from vsm.v1 import access_pb2, errors_pb2, subsystem_pb2

from vsm_server.limits.port import Limit, Limits, Verdict
from vsm_server.refusal import Refusal
from vsm_server.rpc import peer as peers
from vsm_server.security.access import Rule
from vsm_server.security.identity import Identity
from vsm_server.telemetry import families
from vsm_server.telemetry.families import Sample

# Longest that a message of a client's stream waits for room; then the stream is ended.
WAIT_MAX_S = 10.0
MINUTE_NS = 60_000_000_000

# Class of a method by its subsystem, and calls a minute of one caller in PUBLIC.
CLASSES: Mapping[subsystem_pb2.Subsystem, tuple[str, int]] = MappingProxyType(
    {
        subsystem_pb2.SUBSYSTEM_S1: ("s1_environment", 1000),
        subsystem_pb2.SUBSYSTEM_S2: ("s2_coordination", 500),
        subsystem_pb2.SUBSYSTEM_S3: ("s3_control", 300),
        subsystem_pb2.SUBSYSTEM_S3_STAR: ("s3_star_audit", 100),
        subsystem_pb2.SUBSYSTEM_S4: ("s4_intelligence", 400),
        subsystem_pb2.SUBSYSTEM_S5: ("s5_policy", 50),
    }
)
UNCLASSED = "default"
# How many times the limit of PUBLIC a zone has; one that is not here has none.
FACTORS: Mapping[access_pb2.Zone, int] = MappingProxyType({access_pb2.ZONE_PUBLIC: 1, access_pb2.ZONE_DMZ: 60})
# Services that no limit holds, whatever the load: who asks for health must get an answer.
OUTSIDE = ("/grpc.health.v1.", "/grpc.reflection.", "/grpc.channelz.")

POLICY_KEY = "ratelimit-policy"
STATE_KEY = "ratelimit"

Trailers = tuple[tuple[str, str], ...]


class LimitTooLow(ValueError):  # noqa: N818
    """A method costs more than its limit ever lets pass at once. Found at start."""


@dataclass(slots=True)
class Tally:
    """Of a class, since the start: calls and messages that passed, and that did not; `waited` of those that passed had to wait."""

    allowed: int = 0
    refused: int = 0
    waited: int = 0


def trailers(verdict: Verdict) -> Trailers:
    """The limit, and how the caller stands, in the words of draft-ietf-httpapi-ratelimit-headers-10; seconds are rounded up.

    `t` is when the whole burst is there again; of a refusal, as the draft asks, when to come again.
    """
    limit = verdict.held_to
    window_s = -(-limit.period_ns // 1_000_000_000)
    reset_s = -(-(verdict.reset_after_ns if verdict.allowed else verdict.retry_after_ns) // 1_000_000_000)
    return (
        (POLICY_KEY, f'"{limit.name}";q={limit.count};w={window_s}'),
        (STATE_KEY, f'"{limit.name}";r={verdict.remaining};t={reset_s}'),
    )


class RateLimited(Refusal):
    """RATE_LIMITED, with when the same would pass; `trailers` go with the status."""

    def __init__(self, verdict: Verdict, zone: str) -> None:
        limit, retry_after_s = verdict.held_to, verdict.retry_after_ns / 1e9
        message = (
            f"{limit.name}: {limit.count:,} calls a minute of one caller in {zone} are used up; the next passes in {retry_after_s:.3f} s"
        )
        metadata = {"limit": limit.name}
        super().__init__(errors_pb2.ERROR_REASON_RATE_LIMITED, message, metadata=metadata, retry_after_s=retry_after_s)
        self.trailers = trailers(verdict)


class _Bound(NamedTuple):
    """What holds the callers in one zone, and how their keys begin: by subject, or by address when there is none."""

    limit: Limit
    zone: str
    by_subject: str
    by_address: str

    @classmethod
    def of(cls, limit: Limit, zone: access_pb2.Zone) -> "_Bound":
        word = access_pb2.Zone.Name(zone).removeprefix("ZONE_")
        return cls(limit, word, f"{limit.name} {word} subject ", f"{limit.name} {word} address ")

    def key(self, identity: Identity, peer: str) -> str:
        return self.by_subject + identity.subject if identity.subject else self.by_address + peers.network(peer)


@dataclass(slots=True)
class _Queue:
    """Who waits for room under one key, in the order of coming."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that never steps back, and how to wait by it, in seconds."""

    now_ns: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Meter:
    """The limits of one method. What depends on it alone is worked out once."""

    def __init__(self, cost: int, bounds: Mapping[access_pb2.Zone, _Bound], tally: Tally, around: "Meters") -> None:
        self._cost = cost
        self._bounds = bounds
        self._tally = tally
        self._take = around.limits.take
        self._clock = around.clock
        self._now_ns = around.clock.now_ns
        self._queues = around.queues

    def applies(self, zone: access_pb2.Zone) -> bool:
        """Whether any limit holds callers in this zone."""
        return zone in self._bounds

    def take(self, identity: Identity, peer: str) -> Verdict | None:
        """For a call, or the opening of a stream with its first message; `peer` as grpc has it. None: no limit holds.

        Refuses with RateLimited.
        """
        bound = self._bounds.get(identity.zone)
        if bound is None:
            return None
        verdict = self._take(bound.key(identity, peer), bound.limit, self._cost, self._now_ns())
        if not verdict.allowed:
            self._tally.refused += 1
            raise RateLimited(verdict, bound.zone)
        self._tally.allowed += 1
        return verdict

    async def take_message(self, identity: Identity, peer: str) -> Verdict | None:
        """For a further message of a client's stream: returns when there is room, to the streams of a caller in the order of coming.

        Refuses with RateLimited once it is clear that there is none within WAIT_MAX_S.
        """
        bound = self._bounds.get(identity.zone)
        if bound is None:
            return None
        key = bound.key(identity, peer)
        queue = self._queues.get(key)
        if queue is None:
            verdict = self._take(key, bound.limit, self._cost, self._now_ns())
            if verdict.allowed:
                self._tally.allowed += 1
                return verdict
            queue = self._queues[key] = _Queue()
        deadline_ns = self._now_ns() + int(WAIT_MAX_S * 1e9)
        queue.waiting += 1
        try:
            async with queue.turn:
                return await self._wait(key, bound, deadline_ns)
        finally:
            queue.waiting -= 1
            if not queue.waiting:
                del self._queues[key]

    async def _wait(self, key: str, bound: _Bound, deadline_ns: int) -> Verdict:
        """Calls of the same caller may come in between, so one wait need not be enough. Timers are of whole milliseconds."""
        while True:
            now_ns = self._now_ns()
            verdict = self._take(key, bound.limit, self._cost, now_ns)
            if verdict.allowed:
                self._tally.allowed += 1
                self._tally.waited += 1
                return verdict
            if now_ns + verdict.retry_after_ns > deadline_ns:
                self._tally.refused += 1
                raise RateLimited(verdict, bound.zone)
            await self._clock.sleep(-(-verdict.retry_after_ns // 1_000_000) / 1000)


class Meters:
    """The limits of a server, its methods' meters, and what they counted, by class."""

    def __init__(self, rules: Mapping[str, Rule], limits: Limits, default_per_minute: int, clock: Clock) -> None:
        """`default_per_minute`: of methods without a class, 0: none. Fails with LimitTooLow when a method of `rules` can never pass."""
        self.limits = limits
        self.clock = clock
        self.queues: dict[str, _Queue] = {}
        self._per_minute = {name: count for name, count in (*CLASSES.values(), (UNCLASSED, default_per_minute)) if count}
        self.tallies = {name: Tally() for name in self._per_minute}
        for rule in rules.values():
            self.of(rule)

    def samples(self) -> list[list[Sample]]:
        """What was counted, by limit."""
        counted = [
            Sample(family, labels, value)
            for name, tally in self.tallies.items()
            for family, labels, value in (
                (families.RATE_LIMIT_CALLS, (name, "allowed"), tally.allowed),
                (families.RATE_LIMIT_CALLS, (name, "refused"), tally.refused),
                (families.RATE_LIMIT_WAITS, (name,), tally.waited),
            )
        ]
        held = self.limits.figures()
        dropped = families.by_label(families.RATE_LIMIT_DROPS, [("idle", held.idle), ("pushed_out", held.pushed_out)])
        return [counted, [Sample(families.RATE_LIMIT_KEYS, (), held.keys), *dropped]]

    def of(self, rule: Rule) -> Meter:
        """A meter for the method of the rule."""
        name, _ = CLASSES.get(rule.subsystem, (UNCLASSED, 0))
        free = rule.priority == access_pb2.PRIORITY_ALGEDONIC or rule.method.startswith(OUTSIDE) or name not in self._per_minute
        if free:
            return Meter(rule.cost, {}, Tally(), self)
        counts = {zone: self._per_minute[name] * factor for zone, factor in FACTORS.items()}
        bounds = {zone: _Bound.of(Limit(name, count, MINUTE_NS, count), zone) for zone, count in counts.items()}
        for bound in bounds.values():
            if rule.cost > bound.limit.burst:
                raise LimitTooLow(f"{rule.method} costs {rule.cost:,}, and {name} allows {bound.limit.burst:,} at once in {bound.zone}")
        return Meter(rule.cost, bounds, self.tallies[name], self)
