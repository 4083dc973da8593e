"""Samples as Prometheus and OpenMetrics have them in text. Strings alone: nothing that a collection of garbage would have to look at."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.utils import floatToGoString

from vsm_server.telemetry.families import Buckets, Family, Sample

_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Text:
    """Samples are added in any order; families come out in the order of their first samples, in chunks."""

    def __init__(self, *, openmetrics: bool) -> None:
        self._openmetrics = openmetrics
        self._families: dict[str, Family] = {}
        self._lines: dict[str, list[str]] = {}
        self._bounds: dict[str, list[str]] = {}

    def add(self, samples: Sequence[Sample]) -> None:
        """Some more."""
        for family, labels, value in samples:
            name = family.name
            lines = self._lines.get(name)
            if lines is None:
                self._families[name] = family
                lines = self._lines[name] = []
            pairs = ",".join([f'{label}="{_escaped(word)}"' for label, word in zip(family.labels, labels, strict=True)])
            if not isinstance(value, Buckets):
                lines.append(f"{name}{{{pairs}}} {value!r}\n" if pairs else f"{name} {value!r}\n")
            else:
                lines.append(self._histogram(family, pairs, value))

    def chunks(self) -> Iterator[bytes]:
        """A chunk for each family."""
        for name, family in self._families.items():
            yield f"{self._head(family)}{''.join(self._lines[name])}".encode()

    def _histogram(self, family: Family, pairs: str, value: Buckets) -> str:
        """Of a histogram, or of a summary, which has no buckets."""
        name, labels = family.name, f"{{{pairs}}}" if pairs else ""
        count = sum(value.counts)
        last = f"{name}_count{labels} {count}\n{name}_sum{labels} {value.total!r}\n"
        if family.kind == "summary":
            return last
        bounds = self._bounds.get(name)
        if bounds is None:
            bounds = self._bounds[name] = [*map(floatToGoString, value.bounds), "+Inf"]
        begin = f'{name}_bucket{{{pairs},le="' if pairs else f'{name}_bucket{{le="'
        buckets = [f'{begin}{bound}"}} {below}\n' for bound, below in zip(bounds, accumulate(value.counts), strict=True)]
        return f"{''.join(buckets)}{last}"

    def _head(self, family: Family) -> str:
        """OpenMetrics names a family without the suffix of its samples, and its unit; Prometheus knows no info."""
        name, kind = family.name, family.kind
        if self._openmetrics:
            name = name.removesuffix("_total").removesuffix("_info")
            unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
            return f"# HELP {name} {_escaped(family.meaning)}\n# TYPE {name} {kind}\n{unit}"
        return f"# HELP {name} {family.meaning}\n# TYPE {name} {'gauge' if kind == 'info' else kind}\n"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED) if '"' in text or "\\" in text or "\n" in text else text
