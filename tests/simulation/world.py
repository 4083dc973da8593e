"""A whole server in simulated time: several logs, their clients, a journal that fails, all from one seed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from google.protobuf.message import Message
from vsm.v1 import access_pb2, errors_pb2, events_pb2, operations_pb2
from vsm.v1 import log_pb2 as log

from tests.simulation import commands
from tests.simulation.journal import Fate, SimulatedLog
from tests.simulation.producer import FENCED, GAP, Producer
from tests.simulation.site import VERSION, Site, Ticket
from vsm_server.engine.core import Outcome, Settled
from vsm_server.journal.port import SpaceState
from vsm_server.model import retries
from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import SERVER, Call
from vsm_server.model.decide import Start
from vsm_server.refusal import Refusal

S = 1_000_000_000
BEGIN_NS = 1_700_000_000 * S
DAY_NS = 24 * 3600 * S
APPENDS = 30
STEPS_MAX = 600
# After so long nobody repeats a request any more; the server remembers it for a day.
REPEATED_NS = 12 * 3600 * S
LONG_NS = 6 * 3600 * S
SERVER_LOG = "_server"
SUBJECTS = ("ann", "bob")
PRIORITIES = (access_pb2.PRIORITY_ALGEDONIC, access_pb2.PRIORITY_CONTROL, access_pb2.PRIORITY_NORMAL, access_pb2.PRIORITY_BULK)
FATES: tuple[Fate, ...] = ("done", "lost", "stored_untold")
JUMPS_NS = (0, 1, 1_000_000, 100_000_000, S, S, 6 * S, 11 * S, 31 * S, 301 * S, 1801 * S, 3 * 3600 * S)

# The fact that answers a command, by the command's type.
ANSWERS = {
    "RegisterUnitRequest": {"unit_registered"},
    "UpdateUnitRequest": {"unit_changed"},
    "DeregisterUnitRequest": {"unit_deregistered"},
    "ReportHeartbeatRequest": {"units_seen"},
    "RaiseSignalRequest": {"signal_raised", "signal_repeated"},
    "AcknowledgeSignalRequest": {"signal_acknowledged"},
    "CreatePatternRequest": {"pattern_set"},
    "UpdatePatternRequest": {"pattern_set"},
    "DeletePatternRequest": {"pattern_deleted"},
    "CreateSystemRequest": {"system_created"},
    "UpdateSystemRequest": {"system_changed"},
    "DeleteSystemRequest": {"system_deleted"},
    "RevokeTokenRequest": {"token_revoked"},
    "ReportBatch": {"events_reported"},
    "Start": {"engine_started"},
}
AGAIN = {errors_pb2.ERROR_REASON_NOT_DURABLE, errors_pb2.ERROR_REASON_DISK_LOW, errors_pb2.ERROR_REASON_READ_ONLY}


@dataclass(slots=True)
class Request:
    """A command with a request id that a client may send again; `sequence`: entry that answered it, 0 as long as none did."""

    command: object
    call: Call
    first_ns: int
    sequence: int = 0


class World:
    """`run` plays the seed; an AssertionError says what went wrong. `story` tells what happened, for whoever looks into a failure."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now_ns = BEGIN_NS
        self.story: list[str] = []
        self.appends = 0
        self._ids = 0
        names = [SERVER_LOG, *(f"systems/{name}" for name in "ab"[: self.random.randint(1, 2)])]
        self.sites = [Site(SimulatedLog(name, read_rows_max=self.random.choice([1, 3, 512])), name) for name in names]
        self.requests: dict[str, dict[tuple[str, str], Request]] = {name: {} for name in names}
        self.producers = {name: [Producer(subject, "p") for subject in SUBJECTS] for name in names}
        for site in self.sites:
            site.offer(Start(VERSION), SERVER, self.now_ns)

    def run(self) -> None:
        """Steps until enough was appended, then to the end."""
        steps = self._steps()
        weights = [weight for weight, _ in steps]
        for _ in range(STEPS_MAX):
            if self.appends >= APPENDS:
                break
            self.random.choices(steps, weights)[0][1](self._site())
        for site in self.sites:
            self._finish(site)

    def _steps(self) -> list[tuple[int, Callable[[Site], None]]]:
        return [
            (30, self._offer),
            (30, self._turn),
            (26, self._settle),
            (12, self._wait),
            (4, self._read),
            (6, self._snapshot),
            (2, self._crash),
            (1, self._intrude),
            (2, self._room),
        ]

    def _site(self) -> Site:
        """The systems more often than the server's own log."""
        return self.random.choice([*self.sites, *self.sites[1:], *self.sites[1:]])

    def _tell(self, site: Site, what: str) -> None:
        self.story.append(f"{(self.now_ns - BEGIN_NS) / S:.3f} s {site.log.name}: {what}")

    # Steps.

    def _offer(self, site: Site) -> None:
        for _ in range(self.random.choice([1, 1, 2, 5])):
            command, call = self._command(site)
            self._tell(site, f"offer {type(command).__name__} {call.request_id}")
            site.offer(command, call, self.now_ns)

    def _command(self, site: Site) -> tuple[object, Call]:
        chance, known = self.random.random(), self._repeatable(site)
        if known and chance < 0.15:
            again = self.random.choice(known)
            return self._again(again.command), again.call
        call = Call(self.random.choice(SUBJECTS), priority=self.random.choice(PRIORITIES))
        if site.system != SERVER_LOG and chance < 0.4:
            return self._batch(site)
        if (done := [request for request in known if request.sequence]) and chance < 0.42:
            return commands.raise_signal(self.random, site.system), self.random.choice(done).call
        return self._noted(site, self._made(site), call)

    def _made(self, site: Site) -> Message:
        if site.system == SERVER_LOG:
            weighted = commands.OF_THE_SERVER
        elif (names := list(site.audit.signals.signals)) and self.random.random() < 0.2:
            return commands.answer(self.random, names)
        else:
            weighted = commands.OF_A_SYSTEM
        making = self.random.choices(weighted, [weight for weight, _ in weighted])[0][1]
        return making(self.random, site.system)

    def _noted(self, site: Site, command: Any, call: Call) -> tuple[object, Call]:
        """The command, in most cases with a request id, so that it can be sent again."""
        if self.random.random() < 0.3 or isinstance(command, operations_pb2.ReportHeartbeatRequest):
            return command, call
        self._ids += 1
        call = replace(call, request_id=f"r{self._ids}")
        if isinstance(command, ReportBatch):
            command = replace(command, request_id=call.request_id, digest=self._ids)
        self.requests[site.log.name][call.actor, call.request_id] = Request(command, call, self.now_ns)
        return command, call

    def _batch(self, site: Site) -> tuple[object, Call]:
        if self.random.random() < 0.2:
            self._ids += 1
            single = commands.read(commands.events(self.random, self.now_ns, -self._ids), self.now_ns)
            return self._noted(site, single, Call(self.random.choice(SUBJECTS)))
        producer = self.random.choice(self.producers[site.log.name])
        return producer.next(self.random, self.now_ns), Call(producer.subject)

    def _again(self, command: object) -> object:
        """The same command; a batch is read anew, as it arrives anew."""
        if not isinstance(command, ReportBatch) or command.message is None:
            return command
        again = commands.read(events_pb2.EventBatch(columns=command.message), self.now_ns)
        return replace(again, request_id=command.request_id, digest=command.digest)

    def _repeatable(self, site: Site) -> list[Request]:
        known = self.requests[site.log.name]
        return [request for request in known.values() if request.first_ns > self.now_ns - REPEATED_NS]

    def _turn(self, site: Site) -> None:
        if not site.may_turn:
            return
        before = len(site.turns)
        settled = site.turn(self.now_ns, lambda: self.random.random() < 0.1)
        self.appends += len(site.turns) - before
        self._tell(site, f"turn to {site.core.state.sequence}")
        self._answered(site, settled)

    def _settle(self, site: Site) -> None:
        if site.turns:
            fate = self.random.choices(FATES, [24, 1, 1])[0]
            self._tell(site, f"append {fate}")
            self._answered(site, site.settle(fate))
        elif site.rebuilding:
            self._tell(site, "rebuild")
            site.rebuild()

    def _wait(self, site: Site) -> None:
        self.now_ns += self.random.choice(JUMPS_NS)
        if self.random.random() < 0.05 and not any(each.turns or each.core.has_work or each.rebuilding for each in self.sites):
            self.now_ns += DAY_NS + S
            for producer in (one for each in self.producers.values() for one in each):
                producer.restart()
                producer.batches.clear()
                producer.contents.clear()
        self._tell(site, "wait")

    def _read(self, site: Site) -> None:
        site.read(self.now_ns)

    def _snapshot(self, site: Site) -> None:
        if site.capture is None:
            site.begin_snapshot()
        else:
            site.finish_snapshot()
            if self.random.random() < 0.3:
                site.log.trim()

    def _crash(self, _: Site) -> None:
        """The whole server stops in the middle; some time later it begins anew."""
        self.now_ns += self.random.choice(JUMPS_NS)
        for site in self.sites:
            survivors = self.random.randint(0, len(site.log.waiting))
            self._tell(site, f"crash, {survivors} of {len(site.log.waiting)} appends survive")
            self._restart(site, survivors)

    def _restart(self, site: Site, survivors: int) -> None:
        for ticket in site.crash(survivors, self.now_ns):
            self._lost(site, ticket)
        self._turn(site)

    def _intrude(self, site: Site) -> None:
        self._tell(site, "another server writes")
        site.intrude(self.now_ns)

    def _room(self, site: Site) -> None:
        site.core.space = self.random.choice([SpaceState.ROOMY, SpaceState.ROOMY, *SpaceState])
        self._tell(site, site.core.space.value)

    def _finish(self, site: Site) -> None:
        """Let come to an end what is under way, and look at the whole."""
        site.core.space = SpaceState.ROOMY
        while site.turns or site.rebuilding or site.core.has_work:
            if site.rebuilding and not site.turns:
                site.rebuild()
            elif site.turns:
                self._answered(site, site.settle("done"))
            else:
                self._answered(site, site.turn(self.now_ns, lambda: False))
        assert not site.tickets, "somebody got no answer"
        if site.core.state.sequence < site.log.last:
            # Another server wrote, and nothing was appended since.
            site.fail()
            site.rebuild()
        site.check_end()
        self._check_contents(site)

    # Answers.

    def _lost(self, site: Site, ticket: Ticket) -> None:
        """The client does not know what became of its command."""
        if isinstance(ticket.command, ReportBatch) and ticket.command.producer:
            producer = self._producer(site, ticket)
            producer.sent = producer.acknowledged

    def _producer(self, site: Site, ticket: Ticket) -> Producer:
        return next(one for one in self.producers[site.log.name] if one.subject == ticket.call.actor)

    def _answered(self, site: Site, settled: list[Settled[Ticket]]) -> None:
        for one in settled:
            ticket, answer = one.ticket, one.answer
            site.tickets.remove(ticket)
            assert not ticket.answered, "one command is answered twice"
            ticket.answered = True
            if isinstance(answer, Refusal):
                self._refused(site, ticket, answer)
            elif isinstance(answer, Outcome):
                self._check(site, ticket, answer)
            if isinstance(ticket.command, Start) and isinstance(answer, Refusal):
                # A server that cannot say that it begins does not run.
                site.core.space = SpaceState.ROOMY
                self._restart(site, 0)
                return
            assert _asked_again(answer) or ticket.floor <= site.log.last, "an answer saw what is not durable"
            if isinstance(ticket.command, ReportBatch) and ticket.command.producer:
                self._producer(site, ticket).answered(ticket.command, answer)

    def _refused(self, site: Site, ticket: Ticket, refusal: Refusal) -> None:
        assert refusal.reason != errors_pb2.ERROR_REASON_INTERNAL, "a command could not be decided"
        if isinstance(ticket.command, ReportBatch) and ticket.command.producer:
            assert refusal.reason in AGAIN | {GAP, FENCED}, refusal
        known = self.requests[site.log.name].get((ticket.call.actor, ticket.call.request_id))
        if refusal.reason == errors_pb2.ERROR_REASON_REQUEST_ID_REUSED:
            assert known is not None
            assert not _same(known.command, ticket.command), "a retry is refused as another request"
        elif known is not None and known.sequence and _same(known.command, ticket.command) and self._fresh(known):
            assert refusal.reason in AGAIN, f"a retry of what was done is refused: {refusal}"

    def _fresh(self, request: Request) -> bool:
        return request.first_ns > self.now_ns - REPEATED_NS - LONG_NS

    def _check(self, site: Site, ticket: Ticket, outcome: Outcome) -> None:
        """What is answered is in the log, and says what was asked."""
        assert outcome.sequence <= site.log.last, "answered before it was durable"
        if isinstance(ticket.command, operations_pb2.ReportHeartbeatRequest):
            site.audit.heard(list(ticket.command.units), ticket.offered_ns)
        if isinstance(ticket.command, ReportBatch) and ticket.command.producer:
            batch = ticket.command
            for number in range(batch.first_number, batch.batch_number + 1):
                key = (ticket.call.actor, batch.producer, batch.epoch, number)
                assert key in site.audit.accepted, f"batch {key} is acknowledged and not in the log"
                assert outcome.sequence >= site.audit.accepted[key][0], "a batch is in the log behind the position of its receipt"
        if outcome.entry is None and not outcome.retried:
            return
        entry = log.Entry.FromString(site.log.rows[outcome.sequence - 1].body)
        assert outcome.entry is None or outcome.entry == entry, "the answer is not what the log says"
        self._check_request(site, ticket, outcome, entry)
        if not outcome.retried:
            assert entry.facts[outcome.index].WhichOneof("body") in ANSWERS[type(ticket.command).__name__]

    def _check_request(self, site: Site, ticket: Ticket, outcome: Outcome, entry: log.Entry) -> None:
        """A request id always leads to the same entry, and that one bears it."""
        if not ticket.call.request_id or isinstance(ticket.command, operations_pb2.ReportHeartbeatRequest):
            return
        ids = {(entry.actor, entry.request_id)} | {
            (fact.events_reported.reporter, fact.events_reported.request_id) for fact in entry.facts if fact.HasField("events_reported")
        }
        assert (ticket.call.actor, ticket.call.request_id) in ids
        known = self.requests[site.log.name][ticket.call.actor, ticket.call.request_id]
        assert known.sequence in {0, outcome.sequence} or not self._fresh(known), "a retry led to another entry"
        if _same(known.command, ticket.command):
            known.sequence = outcome.sequence

    def _check_contents(self, site: Site) -> None:
        """What is in the log under a producer's number is what it sent under it."""
        for (subject, _, epoch, number), (_, events) in site.audit.accepted.items():
            producer = next(one for one in self.producers[site.log.name] if one.subject == subject)
            if (epoch, number) in producer.contents:
                assert events == producer.contents[epoch, number], "a batch was changed"


def _asked_again(answer: object) -> bool:
    return isinstance(answer, Refusal) and answer.reason in AGAIN


def _same(one: object, other: object) -> bool:
    if isinstance(one, Message) and isinstance(other, Message):
        return retries.digest(one) == retries.digest(other)
    return isinstance(one, ReportBatch) and isinstance(other, ReportBatch) and one.digest == other.digest
