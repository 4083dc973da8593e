"""Make `data/release-0.1`: a log with every kind of fact as this release writes it, and the state that it must lead to for ever.

Run once for each release: python -m tests.contract.golden
"""

import asyncio
import json
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from vsm.v1 import algedonic_pb2, events_pb2, log_pb2, operations_pb2, patterns_pb2, security_pb2, system_pb2

from vsm_server.engine import snapshots
from vsm_server.engine.engines import DEFAULT_SYSTEM, SERVER_LOG, Engines
from vsm_server.engine.recovery import recover
from vsm_server.engine.shell import Engine
from vsm_server.journal.format import FILE_NAME
from vsm_server.journal.sqlite import SqliteJournal
from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import Call
from vsm_server.model.state import State
from vsm_server.operators.batch import read_batch

DIRECTORY = Path(__file__).parent / "data" / "release-0.1"
EXPECTED = DIRECTORY / "expected.json"
BODIES = {field.name for field in log_pb2.Fact.DESCRIPTOR.oneofs_by_name["body"].fields}
BEGAN_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
UNIT = f"{DEFAULT_SYSTEM}/units/web-1"
HOT = f"{DEFAULT_SYSTEM}/patterns/hot"
ALICE = Call("alice", "6d9a1c3e-0f7b-4f0e-8f3d-2f6f4e0f9b11")


class SetClock:
    """A clock that stands where it is set; `difference_ns` is always 0."""

    def __init__(self) -> None:
        self.time_ns = BEGAN_NS

    def now_ns(self) -> int:
        """Engine time."""
        return self.time_ns

    def monotonic_ns(self) -> int:
        """Time that only grows."""
        return self.time_ns

    def difference_ns(self) -> int:
        """The wall clock is this one."""
        return 0


def _requests() -> list[tuple[float, Message, Call]]:
    """What is asked of the default system, each so many seconds after the one before."""
    pattern = {
        "name": HOT,
        "key_by": ["unit"],
        "aggregate": {
            "function": "AGGREGATE_FUNCTION_MEAN",
            "field": "measures.cpu",
            "window": "10s",
            "operator": "OPERATOR_GREATER",
            "threshold": 0.8,
        },
        "reaction": {"severity": "SEVERITY_HIGH", "description": "{unit} is at {figure}"},
    }
    signal = {"severity": "SEVERITY_MEDIUM", "valence": "VALENCE_PLEASURE", "source": "web-1", "description": "quicker than ever"}
    raising = {"parent": DEFAULT_SYSTEM, "signal": signal}
    return [
        (1, ParseDict({"unit": {"name": UNIT, "silence_timeout": "60s"}}, operations_pb2.RegisterUnitRequest()), ALICE),
        (0, ParseDict({"unit": {"name": f"{UNIT}b", "capabilities": ["resize"]}}, operations_pb2.RegisterUnitRequest()), Call("alice")),
        (1, ParseDict({"pattern": pattern}, patterns_pb2.CreatePatternRequest()), Call("alice")),
        (0, ParseDict({"pattern": {**pattern, "name": f"{HOT}-b"}}, patterns_pb2.CreatePatternRequest()), Call("alice")),
        (0, ParseDict({"name": f"{HOT}-b"}, patterns_pb2.DeletePatternRequest()), Call("alice")),
        (1, ParseDict(raising, algedonic_pb2.RaiseSignalRequest()), Call("bob")),
        (1, ParseDict(raising, algedonic_pb2.RaiseSignalRequest()), Call("bob")),
        (0, ParseDict({"unit": {"name": UNIT, "weight": 2}, "update_mask": "weight"}, operations_pb2.UpdateUnitRequest()), Call("alice")),
        (0, ParseDict({"name": f"{UNIT}b"}, operations_pb2.DeregisterUnitRequest()), Call("alice")),
    ]


async def _report(engine: Engine, number: int, cpu: float) -> None:
    event = events_pb2.Event(unit="web-1", kind="load", measures={"cpu": cpu}, labels={"zone": "a"})
    columns, message = read_batch(events_pb2.EventBatch(rows=events_pb2.EventRows(events=[event])), engine.now_ns())
    batch = ReportBatch(engine.now_ns(), 1, columns, message, producer="agent", epoch=7, batch_number=number)
    await engine.submit(batch, Call("agent-1"))


async def _pass(clock: SetClock, engine: Engine, seconds: float) -> None:
    """Let time pass, and what falls due be told: by a heartbeat, which makes the engine look at the clock."""
    clock.time_ns += int(seconds * SECOND_NS)
    heartbeat = operations_pb2.ReportHeartbeatRequest(parent=DEFAULT_SYSTEM, units=["web-1"])
    await engine.submit(heartbeat, Call("agent-1"))


async def _live(engines: Engines, clock: SetClock) -> None:
    await engines.start()
    engine = engines.system(DEFAULT_SYSTEM)
    for seconds, request, call in _requests():
        clock.time_ns += int(seconds * SECOND_NS)
        await engine.submit(request, call)
    for number, cpu in enumerate((0.5, 0.99, 0.99, 0.99), start=1):
        clock.time_ns += SECOND_NS
        await _report(engine, number, cpu)
    await snapshots.take(engine)
    await _pass(clock, engine, 30)
    await _pass(clock, engine, 40)
    await _report(engine, 5, 0.1)
    answer = {"name": f"{DEFAULT_SYSTEM}/signals/7-0", "acknowledgement": {"kind": "ACKNOWLEDGEMENT_KIND_RESPONDING", "comment": "looking"}}
    await engine.submit(ParseDict(answer, algedonic_pb2.AcknowledgeSignalRequest()), Call("carol"))
    for hours in (1, 1, 1, 2):
        await _pass(clock, engine, hours * 3600)
    system = {"system": {"name": "systems/plant", "purpose": "to bottle"}}
    await engines.create(ParseDict(system, system_pb2.CreateSystemRequest()), Call("alice"))
    named = {"system": {"name": "systems/plant", "display_name": "Plant"}, "update_mask": "displayName"}
    await engines.server.submit(ParseDict(named, system_pb2.UpdateSystemRequest()), Call("alice"))
    revoked = {"revocation": {"subject": "mallory"}}
    await engines.server.submit(ParseDict(revoked, security_pb2.RevokeTokenRequest()), Call("alice"))
    denial = {"peer": "203.0.113.7", "method": "/vsm.v1.SystemService/GetStatus", "reason": "ERROR_REASON_TOKEN_INVALID", "count": 25}
    await engines.server.submit(ParseDict({"denials": [denial]}, log_pb2.AccessDenied()), Call(request_id="denials-1"))
    await engines.create(ParseDict({"system": {"name": "systems/gone"}}, system_pb2.CreateSystemRequest()), Call("alice"))
    await engines.delete(system_pb2.DeleteSystemRequest(name="systems/gone"), Call("alice"))


def told(state: State) -> dict[str, Any]:
    """What matters of a state, readable."""
    signals = list(state.signals.newest_first("", 1_000))
    return {
        "sequence": state.sequence,
        "units": [MessageToDict(unit) for unit in state.units.page("", 1_000)],
        "patterns": [MessageToDict(pattern) for pattern in state.patterns.page("", 1_000)],
        "armed": state.patterns.is_armed(HOT, ("web-1",)),
        "signals": [[MessageToDict(signal), *map(MessageToDict, state.signals.answers(signal.name))] for signal in signals],
        "producer": list(state.producers.place("agent-1", "agent")),
        "systems": [MessageToDict(system) for system in state.systems.page("", 1_000)],
        "revoked": state.revocations.revoked("", "mallory", BEGAN_NS / 1e9),
    }


async def states(data_dir: Path) -> dict[str, Any]:
    """Each system's state as it is recovered, by the name of its log without the number of its founding."""
    journal = await SqliteJournal.open(data_dir, draw_uid=lambda: 0, reserve_bytes=0)
    found = {}
    for head in await journal.heads():
        system = head.log.partition("@")[0]
        name = system if system == SERVER_LOG else f"systems/{system}"
        found[system] = told((await recover(journal, head.log, name, lambda: False)).state)
    await journal.close()
    return found


async def bodies(data_dir: Path) -> set[str]:
    """Bodies of all facts in all logs."""
    journal = await SqliteJournal.open(data_dir, draw_uid=lambda: 0, reserve_bytes=0)
    rows = [row for head in await journal.heads() for row in await journal.read(head.log, head.oldest - 1, 1_000)]
    await journal.close()
    return {fact.WhichOneof("body") or "" for row in rows for fact in log_pb2.Entry.FromString(row.body).facts}


async def written(data_dir: Path) -> None:
    """Live through the story of this release."""
    uids = count(1)
    journal = await SqliteJournal.open(data_dir, draw_uid=lambda: next(uids), reserve_bytes=0)
    clock = SetClock()
    engines = Engines(journal, clock, "0.1.0", lambda *_: None)
    await _live(engines, clock)
    await engines.close()
    await journal.close()


def main() -> None:
    """Write the log of the present release."""
    DIRECTORY.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(written(Path(scratch)))
        shutil.copy(Path(scratch) / FILE_NAME, DIRECTORY / FILE_NAME)
        EXPECTED.write_text(json.dumps(asyncio.run(states(Path(scratch))), indent=1) + "\n")


if __name__ == "__main__":
    main()
