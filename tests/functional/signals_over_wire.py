"""Signals raised, answered and read over the wire, in one line each."""

from uuid import uuid4

from vsm.v1.algedonic_pb2 import (
    Acknowledgement,
    AcknowledgeSignalRequest,
    GetSignalRequest,
    GetSignalResponse,
    ListSignalsRequest,
    RaiseSignalRequest,
    RaiseSignalResponse,
    Signal,
)
from vsm.v1.subsystem_pb2 import SEVERITY_HIGH, VALENCE_PAIN

from tests.functional.wire import Wire


def pain(source: str = "press", description: str = "", severity: int = SEVERITY_HIGH, **fields: object) -> Signal:
    """A cry of pain; each without a description of its own is unlike every other."""
    signal = Signal(source=source, severity=severity, valence=VALENCE_PAIN, description=description or f"hurts {uuid4().hex}")  # type: ignore[arg-type]
    signal.MergeFrom(Signal(**fields))  # type: ignore[arg-type]
    return signal


async def cry(vsm: Wire, parent: str, signal: Signal, request_id: str = "") -> RaiseSignalResponse:
    """Raises one signal."""
    request = RaiseSignalRequest(parent=parent, signal=signal, request_id=request_id)
    return await vsm.ask(vsm.algedonic.RaiseSignal, request)


async def answer(vsm: Wire, name: str, kind: int, request_id: str = "", **fields: object) -> Signal:
    """Answers one signal, and gives it as it stands then."""
    said = Acknowledgement(kind=kind, **fields)  # type: ignore[arg-type]
    request = AcknowledgeSignalRequest(name=name, acknowledgement=said, request_id=request_id)
    return (await vsm.ask(vsm.algedonic.AcknowledgeSignal, request)).signal


async def look(vsm: Wire, name: str) -> GetSignalResponse:
    """One signal with its answers."""
    return await vsm.ask(vsm.algedonic.GetSignal, GetSignalRequest(name=name))


async def signals(vsm: Wire, parent: str, **filters: object) -> list[Signal]:
    """The first thousand signals that pass the filters, newest first."""
    request = ListSignalsRequest(parent=parent, page_size=1000, **filters)  # type: ignore[arg-type]
    return list((await vsm.ask(vsm.algedonic.ListSignals, request)).signals)
