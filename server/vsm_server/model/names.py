"""Resource names: systems/{system}, systems/{system}/units/{unit} and their like. Checked at the edge, taken apart here."""

import bisect
from collections.abc import Iterable, Iterator
from itertools import chain


def leaf(name: str) -> str:
    """Last segment."""
    return name.rsplit("/", 1)[-1]


def system_of(name: str) -> str:
    """`systems/{system}` of any name below it."""
    return "/".join(name.split("/", 2)[:2])


class SortedNames:
    """Names in order, for lists that go page by page."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def add(self, name: str) -> None:
        """Put it in its place; a name is added once."""
        bisect.insort(self._names, name)

    def add_all(self, names: Iterable[str]) -> None:
        """Put many in their places; each is added once."""
        self._names = sorted(chain(self._names, names))

    def remove(self, name: str) -> None:
        """Take it out; it is there."""
        del self._names[bisect.bisect_left(self._names, name)]

    def page(self, after: str, count_max: int) -> list[str]:
        """At most `count_max` names behind `after` ('' for the first)."""
        first = bisect.bisect_right(self._names, after)
        return self._names[first : first + count_max]

    def __iter__(self) -> Iterator[str]:
        """In order."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many."""
        return len(self._names)
