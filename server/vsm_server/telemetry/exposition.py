"""The page that Prometheus reads. The one module that needs prometheus_client: it is imported only where telemetry is on."""

import asyncio
import gzip
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest, gzip_accepted
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from vsm_server.telemetry.families import BUILD_INFO, Buckets, Family, Sample
from vsm_server.telemetry.sources import Sources

# Text of many alike lines: more effort makes it little smaller.
_GZIP_LEVEL = 1


class Page(NamedTuple):
    """What is sent: `content_encoding` is gzip, or empty."""

    content_type: str
    content_encoding: str
    body: bytes


class Exposition:
    """The figures of all sources, and of the process, in the form that is asked for.

    Gathered on the loop in short parts, written in another thread, one page at a time, however many ask.
    """

    def __init__(self, sources: Sources, version: str) -> None:
        self._sources = sources
        self._version = version
        self._process = ProcessCollector(registry=None)
        self._one_at_a_time = asyncio.Lock()

    async def page(self, accept: str, accept_encoding: str) -> Page:
        """For the two headers of a request, each "" when absent."""
        async with self._one_at_a_time:
            samples = [Sample(BUILD_INFO, (self._version,), 1), *await self._sources.gather()]
            return await asyncio.to_thread(self._written, samples, accept, accept_encoding)

    def _written(self, samples: list[Sample], accept: str, accept_encoding: str) -> Page:
        encoder, content_type = _negotiated(accept)
        body = encoder(_Gathered([*metrics(samples), *self._process.collect()]))
        if gzip_accepted(accept_encoding):
            return Page(content_type, "gzip", gzip.compress(body, _GZIP_LEVEL))
        return Page(content_type, "", body)


class _Gathered(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _negotiated(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """The library's choice, and the plain text format where it trips over what it reads."""
    try:
        return choose_encoder(accept)
    except TypeError:  # a version that is no number
        return generate_latest, CONTENT_TYPE_PLAIN_0_0_4


def metrics(samples: Iterable[Sample]) -> Iterator[Metric]:
    """The library's families of samples."""
    by_family: dict[str, list[Sample]] = {}
    for sample in samples:
        by_family.setdefault(sample.family.name, []).append(sample)
    return (_metric(some[0].family, some) for some in by_family.values())


def _metric(family: Family, samples: list[Sample]) -> Metric:
    match family.kind:
        case "counter":
            return _plain(CounterMetricFamily(family.name, family.meaning, labels=family.labels, unit=family.unit), samples)
        case "gauge":
            return _plain(GaugeMetricFamily(family.name, family.meaning, labels=family.labels, unit=family.unit), samples)
        case "histogram":
            return _histogram(HistogramMetricFamily(family.name, family.meaning, labels=family.labels, unit=family.unit), samples)
        case "summary":
            return _summary(SummaryMetricFamily(family.name, family.meaning, labels=family.labels, unit=family.unit), samples)
        case "info":
            return _info(family, samples)


def _plain(metric: CounterMetricFamily | GaugeMetricFamily, samples: list[Sample]) -> Metric:
    for _, labels, value in samples:
        assert not isinstance(value, Buckets), "a number"
        metric.add_metric(labels, value)
    return metric


def _histogram(metric: HistogramMetricFamily, samples: list[Sample]) -> Metric:
    words: list[str] = []
    for _, labels, value in samples:
        assert isinstance(value, Buckets), "counts between bounds"
        words = words or [*map(floatToGoString, value.bounds), "+Inf"]
        metric.add_metric(labels, list(zip(words, accumulate(value.counts), strict=True)), value.total)
    return metric


def _summary(metric: SummaryMetricFamily, samples: list[Sample]) -> Metric:
    for _, labels, value in samples:
        assert isinstance(value, Buckets), "a count and a total"
        metric.add_metric(labels, value.counts[0], value.total)
    return metric


def _info(family: Family, samples: list[Sample]) -> Metric:
    metric = InfoMetricFamily(family.name.removesuffix("_info"), family.meaning)
    for _, labels, _value in samples:
        metric.add_metric([], dict(zip(family.labels, labels, strict=True)))
    return metric
