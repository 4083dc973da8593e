"""What was reported, held against what the log says."""

from collections import Counter
from collections.abc import Iterable, Iterator

from vsm.v1 import log_pb2


def numbers(entries: Iterable[log_pb2.Entry]) -> Iterator[int]:
    """The numbers of all events that were taken, in the order of the log."""
    for entry in entries:
        for fact in entry.facts:
            reported = fact.events_reported
            refused = set(reported.rejected_index)
            for measure in reported.columns.measures:
                if measure.name == "number":
                    yield from (int(value) for at, value in enumerate(measure.values) if at not in refused)


def faults(found: Iterable[int], reported: int) -> list[str]:
    """What is wrong with the log, if each number from 1 to `reported` was to be found once: in words, nothing when all is well."""
    times = Counter(found)
    missing = [number for number in range(1, reported + 1) if number not in times]
    doubled = [number for number, count in times.items() if count > 1]
    unknown = [number for number in times if not 1 <= number <= reported]
    said = {"missing": missing, "there more than once": doubled, "there, but never reported": unknown}
    return [f"{len(some)} events are {what}, the first is number {min(some)}" for what, some in said.items() if some]
