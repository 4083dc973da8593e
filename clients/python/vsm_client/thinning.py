"""Leaving out what the server asks to leave out."""

from collections.abc import Callable, Mapping

from vsm.v1 import events_pb2


class Thinner:
    """Keeps of each kind the share that was asked, evenly spread: of any n in a row, n times the share, give or take one.

    `chance` gives numbers in [0, 1) and decides where each kind's pattern starts.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._ratios: dict[str, float] = {}
        self._owed: dict[str, float] = {}

    @property
    def active(self) -> bool:
        return bool(self._ratios)

    def asks_anew(self, keep_ratio: Mapping[str, float]) -> bool:
        """Whether obeying would change anything."""
        return _binding(keep_ratio) != self._ratios

    def obey(self, keep_ratio: Mapping[str, float]) -> None:
        """Takes over what is asked; a kind that was thinned before goes on in its rhythm."""
        self._ratios = _binding(keep_ratio)
        self._owed = {kind: self._owed[kind] if kind in self._owed else self._chance() for kind in self._ratios}

    def keeps(self, kind: str) -> bool:
        """Whether the next event of the kind stays in."""
        ratio = self._ratios.get(kind)
        if ratio is None:
            return True
        owed = self._owed[kind] + ratio
        self._owed[kind] = owed - 1 if owed >= 1 else owed
        return owed >= 1

    def applied(self) -> events_pb2.Attenuation:
        """What is being left out now."""
        return events_pb2.Attenuation(keep_ratio=self._ratios)


def _binding(keep_ratio: Mapping[str, float]) -> dict[str, float]:
    """Ratios outside (0, 1) leave their kind whole."""
    return {kind: ratio for kind, ratio in keep_ratio.items() if 0 < ratio < 1}
