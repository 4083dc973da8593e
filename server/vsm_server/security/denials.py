"""Refusals, counted by who met them where and why: a flood of them becomes a few rows a second. Pure."""

from collections.abc import Iterable
from heapq import nlargest

from vsm.v1 import security_pb2 as pb

ROWS_MAX = 100  # rows that one taking gives
KEYS_MAX = 1_000  # subjects, peers, methods and reasons told apart between two takings; further ones are counted together

# The row that counts what found no row of its own: nobody's in particular.
OTHERS = ("", "", "*", "OTHERS")


class Denials:
    """Counts between two takings, in bounded memory; `note` costs a look-up and an addition."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, str], int] = {}
        self._others = 0

    def note(self, subject: str, peer: str, method: str, reason: str) -> None:
        """One refusal. `subject`: of a token that could be trusted, else empty; `peer`: host, without port; `reason`: of ErrorReason."""
        key = (subject, peer, method, reason)
        if key in self._counts:
            self._counts[key] += 1
        elif len(self._counts) < KEYS_MAX:
            self._counts[key] = 1
        else:
            self._others += 1

    def add(self, rows: Iterable[pb.Denial]) -> None:
        """What was taken elsewhere, counted with the rest."""
        for row in rows:
            key = (row.subject, row.peer, row.method, row.reason)
            if key == OTHERS or (key not in self._counts and len(self._counts) >= KEYS_MAX):
                self._others += row.count
            else:
                self._counts[key] = self._counts.get(key, 0) + row.count

    def take(self) -> list[pb.Denial]:
        """At most ROWS_MAX rows, the most frequent first, and begin anew.

        What has no room is counted in a last row, with method "*" and reason "OTHERS", so that the counts always add up.
        """
        counts, others = self._counts, self._others
        self._counts, self._others = {}, 0
        room = ROWS_MAX if not others and len(counts) <= ROWS_MAX else ROWS_MAX - 1
        told = nlargest(room, counts.items(), key=lambda item: item[1])
        others += sum(counts.values()) - sum(count for _, count in told)
        rows = [*told, (OTHERS, others)] if others else told
        return [
            pb.Denial(subject=subject, peer=peer, method=method, reason=reason, count=count)
            for (subject, peer, method, reason), count in rows
        ]
