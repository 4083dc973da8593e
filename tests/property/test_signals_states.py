"""Signals under any commands, waits and restarts, against the table of the specification."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import errors_pb2
from vsm.v1.subsystem_pb2 import VALENCE_PAIN, VALENCE_PLEASURE

from tests.simulation.commands import ANSWERS, SEVERITIES
from tests.simulation.journal import SimulatedLog
from tests.simulation.signal_table import ACKNOWLEDGED, ACTIVE, HOUR, LEVELS, MINUTE, S
from tests.simulation.site import Site
from vsm_server.engine.core import Outcome
from vsm_server.model.call import Call
from vsm_server.refusal import Refusal

SYSTEM = "systems/a"
WAITS_NS = (1, S, 30 * S - 1, 30 * S, 5 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, 48 * HOUR)
CALL = Call("ann")


class SignalLife(RuleBasedStateMachine):
    """Every entry is checked against the table as it is written; the auditor of the log keeps that table."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 1_700_000_000 * S
        self.site = Site(SimulatedLog(SYSTEM), SYSTEM)
        self.restart(0)

    def settle(self) -> list[object]:
        """Turns until nothing is left to say; the answers."""
        answers = []
        while True:
            before = self.site.log.last
            answers += [one.answer for one in self.site.turn(self.now_ns, lambda: False)]
            while self.site.turns:
                answers += [one.answer for one in self.site.settle("done")]
            if self.site.log.last == before and not self.site.core.has_work:
                return answers

    def ask(self, command: object) -> object:
        """The answer to a command."""
        self.site.offer(command, CALL, self.now_ns)
        (answer,) = self.settle()
        self.site.tickets.clear()
        return answer

    @rule(
        severity=st.sampled_from(SEVERITIES),
        valence=st.sampled_from([VALENCE_PAIN, VALENCE_PLEASURE]),
        source=st.sampled_from(["u1", "u2"]),
        description=st.sampled_from(["hot", "cold"]),
        correlation=st.sampled_from(["", "c"]),
    )
    def raise_signal(self, severity: int, valence: int, source: str, description: str, correlation: str) -> None:
        signal = pb.Signal(source=source, description=description, correlation_id=correlation)
        signal.severity, signal.valence = severity, valence  # type: ignore[assignment]
        assert isinstance(self.ask(pb.RaiseSignalRequest(parent=SYSTEM, signal=signal)), Outcome)

    @precondition(lambda self: self.site.audit.signals.signals)
    @rule(random=st.randoms(use_true_random=False), kind=st.sampled_from(ANSWERS))
    def answer(self, random: object, kind: "pb.AcknowledgementKind") -> None:
        name = random.choice(list(self.site.audit.signals.signals))  # type: ignore[attr-defined]
        before = self.site.audit.signals.signals[name]
        told = self.ask(pb.AcknowledgeSignalRequest(name=name, acknowledgement=pb.Acknowledgement(kind=kind)))
        is_last = before.level == LEVELS[before.severity][-1]
        if before.state in {ACTIVE, ACKNOWLEDGED} and not (kind == pb.ACKNOWLEDGEMENT_KIND_ESCALATED and is_last):
            assert isinstance(told, Outcome)
        else:
            assert isinstance(told, Refusal)
            assert told.reason == errors_pb2.ERROR_REASON_STATE_FORBIDS

    @rule(wait_ns=st.sampled_from(WAITS_NS))
    def wait(self, wait_ns: int) -> None:
        self.now_ns += wait_ns
        assert self.settle() == []

    @rule(down_ns=st.sampled_from(WAITS_NS))
    def restart(self, down_ns: int) -> None:
        """What fell due while no server ran is told by the turn that begins."""
        self.now_ns += down_ns
        self.site.crash(0, self.now_ns)
        self.settle()
        self.site.tickets.clear()
        assert not list(self.site.audit.signals.late(self.now_ns))

    @rule()
    def snapshot(self) -> None:
        self.site.begin_snapshot()
        self.site.finish_snapshot()

    @invariant()
    def as_the_table_has_it(self) -> None:
        table, signals = self.site.audit.signals, self.site.core.state.signals
        assert list(signals.open_signals()) == table.open_signals()
        for name, signal in table.signals.items():
            assert signals.get(name) == signal
            assert list(signals.answers(name)) == table.answers.get(name, [])
        assert not list(table.late(self.now_ns))


TestSignalLife = SignalLife.TestCase
TestSignalLife.settings = settings(max_examples=60, stateful_step_count=30)
