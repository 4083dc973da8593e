"""The page that Prometheus reads, read back by the parsers of its own client library."""

import asyncio
import gzip
import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from vsm.v1 import algedonic_pb2

from tests.unit.asking import until
from tests.unit.scene import ANN, SYSTEM, answer, batch_of, create, event, register, running, scream, seeing
from vsm_server.algorithms.histogram import Histogram
from vsm_server.engine import snapshots
from vsm_server.limits.memory import MemoryLimits
from vsm_server.refusal import Refusal, not_found
from vsm_server.rpc.limit_stage import Clock, Meters
from vsm_server.telemetry import families
from vsm_server.telemetry.calls import DURATION_BOUNDS_S, SIZE_BOUNDS_BYTES, Calls, Uncounted
from vsm_server.telemetry.exposition import Exposition
from vsm_server.telemetry.families import FAMILIES, Buckets, Family, Sample
from vsm_server.telemetry.fleet import Fleet
from vsm_server.telemetry.loop import LoopLag
from vsm_server.telemetry.sources import HOLD_MAX_NS, Source, Sources
from vsm_server.telemetry.text import Text

PATH = "/vsm.v1.SystemService/GetStatus"
METHOD = PATH.removeprefix("/")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _openmetrics(page: str) -> Iterator[Metric]:
    found: Iterator[Metric] = read_openmetrics(page)  # type: ignore[no-untyped-call]  # untyped in the library
    return found


def _values(found: Iterable[Metric]) -> Values:
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in found for sample in family.samples}


def _key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def _page(*sources: Source, accept: str = "") -> str:
    gathered = Sources(lambda: 0)
    for source in sources:
        gathered.add(source)
    return (await Exposition(gathered, "1.2.3").page(accept, "")).body.decode()


async def _read(*sources: Source) -> Values:
    return _values(read_text(await _page(*sources)))


async def test_a_method_is_there_before_its_first_call() -> None:
    """Every method appears with 0 calls started and an empty histogram of the status OK, and no refusal."""
    values = await _read(Calls([PATH]).samples)
    assert values[_key("grpc_server_call_started_total", grpc_method=METHOD)] == 0
    assert values[_key("grpc_server_call_duration_seconds_count", grpc_method=METHOD, grpc_status="OK")] == 0
    assert values[_key("grpc_server_call_duration_seconds_bucket", grpc_method=METHOD, grpc_status="OK", le="+Inf")] == 0
    assert not [name for name, _ in values if name == "vsm_call_refusals_total"]


async def test_buckets_add_up() -> None:
    """Counts of a histogram are cumulative over the bounds of gRFC A66, and their sum is that of what was observed."""
    calls = Calls([PATH])
    for duration_s in (0.0, 0.004, 0.004, 200.0):
        calls.method(PATH).ended("OK", duration_s, 1_024, 5_000_000_000)
    values = await _read(calls.samples)

    def bucket(name: str, bound: str) -> float:
        return values[_key(f"{name}_bucket", grpc_method=METHOD, grpc_status="OK", le=bound)]

    duration, size = "grpc_server_call_duration_seconds", "total_compressed_message_size_bytes"
    assert [bucket(duration, bound) for bound in ("0.0", "0.003", "0.004", "100.0", "+Inf")] == [1, 1, 3, 3, 4]
    assert [bucket(f"grpc_server_call_rcvd_{size}", bound) for bound in ("0.0", "1024.0", "+Inf")] == [0, 4, 4]
    assert [bucket(f"grpc_server_call_sent_{size}", bound) for bound in ("4.294967296e+09", "+Inf")] == [0, 4]
    assert values[_key(f"{duration}_sum", grpc_method=METHOD, grpc_status="OK")] == pytest.approx(200.008)


def test_bounds_are_those_of_a66() -> None:
    """GRFC A66 has 41 bounds of latency to 100 s and 14 of size to 4 GiB, each ascending from 0."""
    for bounds, count, last in ((DURATION_BOUNDS_S, 41, 100.0), (SIZE_BOUNDS_BYTES, 14, 1 << 32)):
        assert (len(bounds), bounds[0], bounds[-1]) == (count, 0, last)
        assert list(bounds) == sorted(set(bounds))


async def test_refusals_have_a_series_each() -> None:
    """A refusal is found under its method and reason."""
    calls = Calls([PATH])
    calls.method(PATH).refused("ERROR_REASON_SCOPE_MISSING")
    assert (await _read(calls.samples))[_key("vsm_call_refusals_total", method=METHOD, reason="SCOPE_MISSING")] == 1


def test_nothing_is_counted_where_nobody_asks() -> None:
    """With telemetry off a call leaves no trace."""
    calls = Uncounted()
    method = calls.method(PATH)
    method.started()
    method.ended("NOT_FOUND", 1.0, 1, 1)
    method.refused("RATE_LIMITED")
    assert (method.started_count, list(method.by_status), method.refusals) == (0, ["OK"], {})


async def _busy_scene() -> str:
    """The page of an engine that has seen everything once, in OpenMetrics."""
    async with running() as bench:
        engine = bench.engine
        bench.clock.step_ns = 1_000
        await engine.submit(register("web-1"), ANN)
        await engine.submit(create(seeing("failing")), ANN)
        await engine.submit(batch_of(event("web-1"), event("nobody"), event(kind="failure")), ANN)
        for kind in (algedonic_pb2.ACKNOWLEDGEMENT_KIND_RESOLVED, algedonic_pb2.ACKNOWLEDGEMENT_KIND_RECEIVED):
            raised = await engine.submit(scream(f"it hurts {kind}"), ANN)
            await engine.submit(answer(raised.fact.signal_raised.signal.name, kind), ANN)
        with suppress(Refusal), engine.tail.watched():
            raise not_found(SYSTEM)
        assert await snapshots.take(engine)
        with engine.tail.watched():
            lag = LoopLag(itertools.count(1, 150_000_000).__next__)
            measuring = asyncio.create_task(lag.measure())
            await until(lambda: sum(lag.lag_s.counts) == 1)
            measuring.cancel()
            calls = Calls([PATH])
            calls.method("/alice").refused("RATE_LIMITED")
            meters = Meters({}, MemoryLimits(), 1_000, Clock(lambda: 0))
            sources = (calls.samples, meters.samples, Fleet(lambda: [engine], bench.clock).samples, lag.samples)
            return await _page(*sources, accept=OPENMETRICS)


async def test_all_families_keep_the_rules_of_openmetrics() -> None:
    """The strict parser takes the page: names, units, types, buckets and labels of every family are sound."""
    found = {family.name: family for family in _openmetrics(await _busy_scene())}
    absent = {family for family in FAMILIES if _openmetrics_name(family) not in found}
    elsewhere = re.compile(r"vsm_(streams|denials|calls_in_progress|token_cache|rate_limit|tls|journal)_?")
    assert [family.name for family in absent if not elsewhere.match(family.name)] == []
    for family in FAMILIES:
        if (read := found.get(_openmetrics_name(family))) is not None:
            assert (read.type, read.unit, read.documentation) == (family.kind, family.unit, family.meaning)
            assert {name for sample in read.samples for name in sample.labels} - {"le"} == set(family.labels)


def _openmetrics_name(family: Family) -> str:
    return family.name.removesuffix("_total").removesuffix("_info")


async def test_figures_of_a_system_are_told() -> None:
    """What an engine counts is found under its system, with words for numbers."""
    values = _values(_openmetrics(await _busy_scene()))
    expected = {
        _key("vsm_log_sequence", system=SYSTEM): 8,
        _key("vsm_events_accepted_total", system=SYSTEM): 2,
        _key("vsm_events_refused_total", system=SYSTEM, reason="UNIT_UNKNOWN"): 1,
        _key("vsm_pattern_detections_total", system=SYSTEM, pattern="failing"): 1,
        _key("vsm_signals_open", system=SYSTEM, severity="HIGH", level="S3"): 1,
        _key("vsm_signals_raised_total", system=SYSTEM, severity="HIGH"): 2,
        _key("vsm_signals_answered_total", system=SYSTEM, kind="RESOLVED"): 1,
        _key("vsm_signal_restoration_seconds_count", system=SYSTEM, severity="HIGH"): 1,
        _key("vsm_signal_first_answer_seconds_count", system=SYSTEM, severity="HIGH"): 2,
        _key("vsm_units", system=SYSTEM, state="ACTIVE"): 1,
        _key("vsm_watchers", system=SYSTEM): 1,
        _key("vsm_snapshot_age_seconds", system=SYSTEM): 0,
        _key("vsm_engine_command_seconds_count", system=SYSTEM, kind="RaiseSignal"): 2,
        _key("vsm_disk_state", state="roomy"): 1,
        _key("vsm_event_loop_lag_seconds_count"): 1,
        _key("vsm_call_refusals_total", method="other", reason="RATE_LIMITED"): 1,
    }
    assert {key: values.get(key) for key in expected} == expected


@pytest.mark.parametrize(("woken_after_ms", "lag_s"), [(150, 0.05), (99, 0.0)])
async def test_lag_is_what_lies_beyond_the_time_asked_for(woken_after_ms: int, lag_s: float) -> None:
    """A task that is woken 150 ms after it asked for 100 has met a lag of 50; one that is woken early has met none."""
    times = itertools.chain([1, 1 + woken_after_ms * 1_000_000], itertools.count(10**9))
    lag = LoopLag(times.__next__)
    measuring = asyncio.create_task(lag.measure())
    await until(lambda: sum(lag.lag_s.counts) == 1)
    measuring.cancel()
    assert lag.lag_s.total == pytest.approx(lag_s)


async def test_what_has_no_value_is_absent() -> None:
    """No age of a snapshot is told before there is one, nor a lag that was not measured, nor a number that is not there."""
    sources = Sources(lambda: 0)
    sources.add_value(families.STREAMS_OPEN, lambda: None)
    sources.add(LoopLag(lambda: 5).samples)
    async with running() as bench:
        sources.add(Fleet(lambda: [bench.engine], bench.clock).samples)
        samples: list[Sample] = []
        await sources.gather(samples.extend, sources.hold())
    names = {sample.family.name for sample in samples}
    assert not names & {
        "vsm_snapshot_age_seconds",
        "vsm_event_loop_lag_seconds",
        "vsm_event_loop_lag_sample_age_seconds",
        "vsm_streams_open",
    }


def test_families_are_named_by_the_rules() -> None:
    """Names end with their unit, counters with _total; units are base units; no two share a name; each has words."""
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert re.fullmatch(r"(vsm|grpc_server)_[a-z_]+", family.name)
        assert (family.kind == "counter") == family.name.endswith("_total")
        assert family.unit in {"", "seconds", "bytes"}
        assert family.name.removesuffix("_total").endswith(family.unit)
        assert family.meaning.endswith(".")


def test_no_label_is_for_a_caller() -> None:
    """Labels are of a list in which nothing names a caller."""
    allowed = {
        "version",
        "grpc_method",
        "grpc_status",
        "method",
        "reason",
        "system",
        "kind",
        "outcome",
        "pattern",
        "severity",
        "level",
        "limit",
        "state",
    }
    assert {label for family in FAMILIES for label in family.labels} == allowed


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"),
        ("application/openmetrics-text; version=alice", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
async def test_the_format_is_the_one_asked_for(accept: str, content_type: str) -> None:
    """OpenMetrics where the header asks for it in a version that can be read, else the text format of Prometheus."""
    page = await Exposition(Sources(lambda: 0), "1.2.3").page(accept, "")
    assert page.content_type == content_type
    read = _openmetrics if "openmetrics" in content_type else read_text
    assert _values(read(page.body.decode()))[_key("vsm_build_info", version="1.2.3")] == 1


async def test_a_page_is_packed_where_that_is_accepted() -> None:
    """With gzip accepted the page comes packed and says so; otherwise it does not."""
    exposition = Exposition(Sources(lambda: 0), "1.2.3")
    plain, packed = await exposition.page("", ""), await exposition.page("", "br, gzip")
    assert (plain.content_encoding, packed.content_encoding) == ("", "gzip")
    assert b"vsm_build_info" in gzip.decompress(packed.body)


async def test_the_loop_goes_on_while_samples_are_gathered() -> None:
    """A source that gives many parts lets others run whenever it has held the loop for HOLD_MAX_NS."""
    time_ns = 0
    turns: list[int] = []

    def parts() -> Iterable[list[Sample]]:
        nonlocal time_ns
        for number in range(30):
            time_ns += HOLD_MAX_NS // 2
            asyncio.get_running_loop().call_soon(turns.append, number)
            yield [Sample(families.STREAMS_OPEN, (), number)]

    sources = Sources(lambda: time_ns)
    sources.add(parts)
    samples: list[Sample] = []
    await sources.gather(samples.extend, sources.hold())
    assert len(samples) == 30
    assert len(turns) >= 25


def test_a_sample_is_what_it_was_when_it_was_taken() -> None:
    """What is counted after the gathering does not get into a page that is written later."""
    histogram = Histogram((1.0,))
    sample = Sample(families.LOOP_LAG, (), Buckets.of(histogram))
    histogram.observe(0.5)
    assert set(_values(read_text(_written([sample]))).values()) == {0}


def _written(samples: list[Sample], *, openmetrics: bool = False) -> str:
    text = Text(openmetrics=openmetrics)
    text.add(samples)
    return b"".join(text.chunks()).decode()


@pytest.mark.parametrize("openmetrics", [False, True])
def test_words_of_labels_are_escaped(openmetrics: bool) -> None:
    """Quotes, backslashes and line ends in a label's value come back as they were."""
    word = 'a "quoted" \\ word\nand more \\n'
    page = _written([Sample(families.DISK_STATE, (word,), 1.0)], openmetrics=openmetrics)
    found = _openmetrics(f"{page}# EOF\n") if openmetrics else read_text(page)
    assert _values(found) == {_key("vsm_disk_state", state=word): 1}


def test_numbers_come_back_as_they_were() -> None:
    """Small, large and negative values lose nothing on their way."""
    samples = [Sample(families.WATCHERS, (str(value),), value) for value in (0, 3, -0.25, 1e-9, 1.5e300, 2**53, 0.1 + 0.2)]
    read = _values(read_text(_written(samples)))
    assert {float(dict(labels)["system"]): value for (_, labels), value in read.items()} == {value: value for _, _, value in samples}
