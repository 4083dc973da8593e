"""The whole loop in under a minute: a machine reports itself, trouble is seen and answered, and a kill -9 loses nothing.

Every figure that is printed was measured in this run. Exit code 0: every promise held; 1: one did not, and the last line says which.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ledger import faults, numbers
from machine import UNIT, Machine, busy
from serving import NotServingError, Server
from vsm.v1 import algedonic_pb2, log_pb2, operations_pb2, patterns_pb2, subsystem_pb2, system_pb2

from vsm_client import Client, ReporterOptions, VsmError, Watch

SYSTEM = "systems/default"
PATTERN = f"{SYSTEM}/patterns/machine-busy"
WINDOW_S = 2
SIGNAL_WAIT_S = 30.0
RECOVERY_WAIT_S = 20.0
# A machine busier than this without us: the demo watches its own work instead of the whole.
CROWDED_PERCENT = 60.0
WORKERS_LIMIT_PERCENT = 5.0
COMMENT = "One of the demo's own making; it will be over in a moment."


class BrokenError(Exception):
    """A promise did not hold."""


def promise(text: str, *, held: bool) -> None:
    """Says that a promise held; BrokenError when it did not."""
    if not held:
        raise BrokenError(text)
    print(f"     ok  {text}")


def say(text: str) -> None:
    print(f"   {text}", flush=True)


def chapter(number: int, text: str) -> None:
    print(f"\n{number}. {text}", flush=True)


async def become(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Waits; BrokenError when it takes too long."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110  conditions of others, who ring no bell
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise BrokenError(f"{what} within {within_s:g} s") from None


def pattern(measure: str, limit: float) -> patterns_pb2.Pattern:
    """The mean of a measure over the window, above the limit, raises a signal of high severity."""
    aggregate = patterns_pb2.Aggregate(
        condition=patterns_pb2.Predicate(
            comparison=patterns_pb2.Comparison(field="kind", operator=patterns_pb2.OPERATOR_EQUAL, text="load")
        ),
        function=patterns_pb2.AGGREGATE_FUNCTION_MEAN,
        field=f"measures.{measure}",
        operator=patterns_pb2.OPERATOR_GREATER,
        threshold=limit,
        min_events=5,
    )
    aggregate.window.FromSeconds(WINDOW_S)
    reaction = patterns_pb2.Reaction(
        severity=subsystem_pb2.SEVERITY_HIGH, description=f"{measure} of {{unit}} is {{figure}} on average of {WINDOW_S} s"
    )
    return patterns_pb2.Pattern(name=PATTERN, key_by=["unit"], aggregate=aggregate, reaction=reaction)


@asynccontextmanager
async def reporting(client: Client) -> AsyncIterator[Machine]:
    """This machine reports while the body runs; at the end all that it reported is durable."""
    unit = operations_pb2.Unit(name=f"{SYSTEM}/units/{UNIT}", display_name="The machine that runs this demo")
    await client.operations.RegisterUnit(operations_pb2.RegisterUnitRequest(unit=unit))
    async with client.reporter(SYSTEM, "demo", ReporterOptions(batch_age_s=0.05)) as reporter:
        machine = Machine(reporter)
        task = asyncio.create_task(machine.report())
        try:
            yield machine
        finally:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def settle(machine: Machine) -> tuple[str, float]:
    """Which measure to watch, and above which limit: from what the machine does when left alone."""
    await become(lambda: len(machine.recent) == machine.recent.maxlen, RECOVERY_WAIT_S, "twenty readings were taken")
    idle = machine.mean("cpu_percent")
    say(f"Left alone it is {idle:.0f} % busy.")
    if idle > CROWDED_PERCENT:
        say("That is much: so the demo watches the part of the machine that its own processes take, which is 0 %.")
        return "workers_percent", WORKERS_LIMIT_PERCENT
    return "cpu_percent", round(idle + (100 - idle) / 3)


async def first_signal(watch: Watch[algedonic_pb2.Signal]) -> algedonic_pb2.Signal:
    """The next signal that arrives."""
    try:
        async with asyncio.timeout(SIGNAL_WAIT_S):
            return await anext(watch)
    except TimeoutError:
        raise BrokenError(f"a signal arrived within {SIGNAL_WAIT_S:g} s") from None


async def trouble(client: Client, machine: Machine) -> algedonic_pb2.Signal:
    """Real load, the signal of it, and an answer; returns the signal as answered."""
    async with client.watch_signals(SYSTEM) as watch:
        with busy() as workers:
            machine.workers = workers
            begin_s = time.monotonic()
            signal = await first_signal(watch)
            took_s = time.monotonic() - begin_s
            machine.workers = []
        say(f"After {took_s:.1f} s a signal reached the watcher: {subsystem_pb2.Severity.Name(signal.severity)[9:]}, from {signal.source}:")
        say(f'"{signal.description}"')
        answer = algedonic_pb2.Acknowledgement(kind=algedonic_pb2.ACKNOWLEDGEMENT_KIND_INVESTIGATING, comment=COMMENT)
        request = algedonic_pb2.AcknowledgeSignalRequest(name=signal.name, acknowledgement=answer)
        answered = (await client.algedonic.AcknowledgeSignal(request)).signal
        say(f'We answer: "{COMMENT}"')
        told = await first_signal(watch)
        while told.sequence < answered.sequence:
            told = await first_signal(watch)
    promise("the watcher was told of the answer as well", held=told == answered)
    return answered


async def whole_log(client: Client) -> list[log_pb2.Entry]:
    """Everything in the log up to now."""
    end = (await client.systems.GetStatus(system_pb2.GetStatusRequest(name=SYSTEM))).sequence
    entries: list[log_pb2.Entry] = []
    async with client.watch_log(SYSTEM, after=0) as watch:
        while not entries or entries[-1].sequence < end:
            entries.append(await anext(watch))
    return entries


async def check_recovery(client: Client, acknowledged: int, answered: algedonic_pb2.Signal) -> None:
    """What was acknowledged before the kill is there."""
    there = set(numbers(await whole_log(client)))
    lost = [number for number in range(1, acknowledged + 1) if number not in there]
    promise(f"all {acknowledged:,} acknowledged events are in the log" if not lost else f"{len(lost):,} events were lost", held=not lost)
    found = await client.algedonic.GetSignal(algedonic_pb2.GetSignalRequest(name=answered.name))
    promise("the signal is there as it stood", held=found.signal == answered)
    promise("and so is the answer", held=[answer.comment for answer in found.acknowledgements] == [COMMENT])


async def story(server: Server) -> None:
    """From an empty directory to the end. BrokenError: a promise did not hold."""
    chapter(1, "A server starts on an empty directory.")
    server.start()
    say(f"It serves after {server.ready_s:.2f} s, on {server.address}.")
    async with Client(server.address, server.token_file.read_text().strip()) as client:
        async with reporting(client) as machine:
            chapter(
                2,
                "This machine reports itself, as a unit: ten times a second its load, and in between how late it wakes from 5 ms of sleep.",
            )
            measure, limit = await settle(machine)
            chapter(3, f"A pattern watches for trouble: {measure} over {limit:.0f} on average of {WINDOW_S} s raises a signal.")
            await client.patterns.CreatePattern(patterns_pb2.CreatePatternRequest(pattern=pattern(measure, limit)))
            chapter(4, "Processes begin to compute as hard as they can.")
            answered = await trouble(client, machine)
            chapter(5, "kill -9, in the middle of reporting.")
            before = machine.acknowledged
            await become(lambda: machine.acknowledged > before, RECOVERY_WAIT_S, "events were acknowledged")
            server.kill()
            acknowledged = machine.acknowledged
            say(f"The server is gone. {acknowledged:,} events were acknowledged until then; more are on their way to nowhere.")
            await asyncio.sleep(0.5)
            chapter(6, "The server starts again on the same directory.")
            server.start()
            say(f"It serves after {server.ready_s:.2f} s.")
            await asyncio.wait_for(client.channel.channel_ready(), RECOVERY_WAIT_S)
            await check_recovery(client, acknowledged, answered)
            await become(lambda: machine.acknowledged > acknowledged, RECOVERY_WAIT_S, "the reporter went on by itself")
            say(f"The reporter has gone on by itself: {machine.acknowledged:,} events are acknowledged by now.")
        chapter(7, "The machine stops reporting. What it reported is held against the log.")
        found = list(numbers(await whole_log(client)))
        wrong = faults(found, machine.taken)
        promise(
            "; ".join(wrong) or f"{machine.taken:,} events reported, {len(found):,} in the log: none is missing, none is double",
            held=not wrong,
        )


def main() -> int:
    begin_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vsm-demo-") as room:
        server = Server(Path(room))
        try:
            asyncio.run(story(server))
        except (BrokenError, NotServingError, TimeoutError, VsmError) as problem:
            print(f"\nNot as promised: {problem}", flush=True)
            return 1
        finally:
            server.stop()
    print(f"\nEvery promise held, in {time.monotonic() - begin_s:.0f} s.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
