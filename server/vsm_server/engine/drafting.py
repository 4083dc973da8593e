"""One entry in the making: a command's facts with all that follows from them."""

from collections import Counter, deque
from collections.abc import Iterable

from vsm.v1 import log_pb2 as log

from vsm_server.model import batches
from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import Call, Context, Moment
from vsm_server.model.decide import decide
from vsm_server.model.state import FORMAT, Conclusion, State
from vsm_server.operators.batch import Part

DEPTH_MAX = 8  # steps from a command to what follows from it
FACTS_MAX = 1_000  # facts of an entry; more is left out and counted
# Facts that follow are left out, and counted, beyond this; entries stay under 2 MiB.
BYTES_MAX = 1 << 20


class Draft:
    """Decides and evolves on the working state. `dropped`: conclusions that found no room; `refused`: events, by reason.

    Facts that a command states itself always go in; what follows from them goes in as far as the bounds allow.
    """

    def __init__(self, state: State, now_ns: int) -> None:
        self._state = state
        self._now_ns = max(now_ns, state.time_ns)
        self._logical = state.logical + 1 if self._now_ns == state.time_ns else 0
        self._moment = Moment(state.sequence + 1, self._now_ns)
        self._facts: list[log.Fact] = []
        self._bytes = 0
        self._parts: list[Part] = []
        self._conclusions: deque[tuple[int, Conclusion]] = deque()
        self.columns: list[tuple[int, bytes]] = []
        self.dropped = 0
        self.refused: Counter[int] = Counter()

    @property
    def now_ns(self) -> int:
        """Time that the entry will have."""
        return self._moment.time_ns

    @property
    def sequence(self) -> int:
        """Number that the entry will have."""
        return self._moment.sequence

    @property
    def fact_count(self) -> int:
        """Facts so far."""
        return len(self._facts)

    def command(self, command: object, actor: str) -> None:
        """A command's own facts. Refusal: nothing is changed."""
        self._add(decide(self._state, command, self._context(actor)), 0)

    def batch(self, batch: ReportBatch, actor: str) -> None:
        """An event batch that is new. Its events reach the operators in `conclude`, with those of the others."""
        batch = batches.fresh(self._state.producers, batch, actor)
        fact, taken, refused = batches.report(self._state.units, batch, actor)
        self.refused.update(refused)
        if batch.message is not None and taken is not None:
            self.columns.append((len(self._facts), batch.message.SerializeToString(deterministic=True)))
            self._parts.append(taken)
            fact.late_count = self._state.operator.late_count(taken.columns, taken.unit_slot)
        self._add([log.Fact(events_reported=fact)], 0)

    def conclude(self) -> None:
        """Events to the operators, and on from conclusion to conclusion until nothing is left."""
        if self._parts:
            self._push(self._state.observe(self._parts, self._moment), 1)
        while self._conclusions:
            depth, conclusion = self._conclusions.popleft()
            if depth > DEPTH_MAX or len(self._facts) >= FACTS_MAX or self._bytes > BYTES_MAX:
                self.dropped += 1
                continue
            self._add(decide(self._state, conclusion, self._context("")), depth)

    def finish(self, call: Call, digest: int) -> log.Entry:
        """The entry; the state has taken it in."""
        entry = log.Entry(
            sequence=self._moment.sequence,
            time=log.HybridTime(unix_nano=self._now_ns, logical=self._logical),
            actor=call.actor,
            request_id=call.request_id,
            request_digest=digest,
            format=FORMAT,
            facts=self._facts,
        )
        self._state.close(entry)
        return entry

    def _context(self, actor: str) -> Context:
        return Context(self._now_ns, self._moment.sequence, actor, len(self._facts))

    def _add(self, facts: Iterable[log.Fact], depth: int) -> None:
        for fact in facts:
            self._facts.append(fact)
            self._bytes += fact.ByteSize()
            self._push(self._state.evolve(fact, self._moment), depth + 1)

    def _push(self, conclusions: Iterable[Conclusion], depth: int) -> None:
        self._conclusions.extend((depth, conclusion) for conclusion in conclusions)
