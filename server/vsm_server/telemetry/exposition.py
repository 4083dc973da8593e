"""The page that Prometheus reads. With what it imports the only room for prometheus_client: imported only where telemetry is on."""

import asyncio
import gzip
from collections.abc import Callable
from typing import NamedTuple

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest, gzip_accepted
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from vsm_server.telemetry.families import BUILD_INFO, Sample
from vsm_server.telemetry.sources import Sources
from vsm_server.telemetry.text import Text

# Text of many alike lines: more effort makes it little smaller.
_GZIP_LEVEL = 1


class Page(NamedTuple):
    """What is sent: `content_encoding` is gzip, or empty."""

    content_type: str
    content_encoding: str
    body: bytes


class Exposition:
    """The figures of all sources, and of the process, in the form that is asked for.

    Gathered and written on the loop in short pieces, one page at a time, however many ask.
    """

    def __init__(self, sources: Sources, version: str) -> None:
        self._sources = sources
        self._version = version
        self._process = ProcessCollector(registry=None)
        self._one_at_a_time = asyncio.Lock()

    async def page(self, accept: str, accept_encoding: str) -> Page:
        """For the two headers of a request, each "" when absent."""
        encoder, content_type = _negotiated(accept)
        async with self._one_at_a_time:
            chunks = await self._chunks(openmetrics=content_type.startswith("application/openmetrics-text"))
            packed = gzip_accepted(accept_encoding)
            body = await asyncio.to_thread(self._finished, chunks, encoder, packed=packed)
        return Page(content_type, "gzip" if packed else "", body)

    async def _chunks(self, *, openmetrics: bool) -> list[bytes]:
        text, hold = Text(openmetrics=openmetrics), self._sources.hold()
        text.add([Sample(BUILD_INFO, (self._version,), 1)])
        await self._sources.gather(text.add, hold)
        chunks = []
        for chunk in text.chunks():
            chunks.append(chunk)
            await hold.pause()
        return chunks

    def _finished(self, chunks: list[bytes], encoder: Callable[[Collector], bytes], *, packed: bool) -> bytes:
        """With the figures of the process, and the end that the format demands; in another thread, as it reads files and packs."""
        body = b"".join([*chunks, encoder(self._process)])
        return gzip.compress(body, _GZIP_LEVEL) if packed else body


def _negotiated(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """The library's choice, and the plain text format where it trips over what it reads."""
    try:
        return choose_encoder(accept)
    except TypeError:  # a version that is no number
        return generate_latest, CONTENT_TYPE_PLAIN_0_0_4
