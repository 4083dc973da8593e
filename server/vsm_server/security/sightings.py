"""Who was seen where: one subject in all zones at once, one token from two hosts. Pure, and O(1) a call: times are handed in."""

from collections import OrderedDict
from typing import NamedTuple

from vsm.v1 import access_pb2

HOP_S = 0.1  # three zones within this are a hop
REPLAY_S = 60.0  # two hosts within this are a replay
QUIET_S = 60.0  # nothing is told twice of one subject, or one token, within this
SUBJECTS_MAX = 10_000  # subjects whose zones are remembered; the one unseen for longest is forgotten
TOKENS_MAX = 10_000  # tokens whose host is remembered; the one unseen for longest is forgotten
TOLD_MAX = 100  # sightings between two takings; further ones are counted

ZONE_HOPPING = "zone_hopping"
TOKEN_REPLAY = "token_replay"

_LONG_AGO_S = float("-inf")
_TOLD = access_pb2.ZONE_UNSPECIFIED  # place of the time at which the subject was told of last, before those of its zones


class Sighting(NamedTuple):
    """What was seen: its kind, of whom, and for a replay the token's id, the host that it came from, and the one before."""

    kind: str
    subject: str
    token_id: str = ""
    peer: str = ""
    earlier_peer: str = ""


class Sightings:
    """Watches the callers whose tokens were found good. Times are seconds since the Unix epoch, and never go back."""

    def __init__(self, *, detect_replay: bool = False, subjects_max: int = SUBJECTS_MAX, tokens_max: int = TOKENS_MAX) -> None:
        self.detect_replay = detect_replay
        self._subjects_max = subjects_max
        self._tokens_max = tokens_max
        self._zones: OrderedDict[str, list[float]] = OrderedDict()
        self._hosts: OrderedDict[str, tuple[str, float, float]] = OrderedDict()
        self._told: list[Sighting] = []
        self._untold: dict[str, int] = {}

    def see(self, subject: str, zone: access_pb2.Zone, now_s: float) -> None:
        """The subject calls with a token for this zone."""
        times = self._zones.get(subject)
        if times is None:
            times = self._zones[subject] = [_LONG_AGO_S] * len(access_pb2.Zone.values())
            if len(self._zones) > self._subjects_max:
                self._zones.popitem(last=False)
        else:
            self._zones.move_to_end(subject)
        times[zone] = now_s
        since_s = now_s - HOP_S
        if times[1] >= since_s and times[2] >= since_s and times[3] >= since_s and times[_TOLD] <= now_s - QUIET_S:
            times[_TOLD] = now_s
            self._tell(Sighting(ZONE_HOPPING, subject))

    def see_host(self, subject: str, token_id: str, host: str, now_s: float) -> None:
        """The subject's token comes from this host."""
        earlier, seen_s, told_s = self._hosts.get(token_id, (host, now_s, _LONG_AGO_S))
        if earlier != host and seen_s >= now_s - REPLAY_S and told_s <= now_s - QUIET_S:
            told_s = now_s
            self._tell(Sighting(TOKEN_REPLAY, subject, token_id, host, earlier))
        self._hosts[token_id] = host, now_s, told_s
        self._hosts.move_to_end(token_id)
        if len(self._hosts) > self._tokens_max:
            self._hosts.popitem(last=False)

    def take(self) -> tuple[list[Sighting], dict[str, int]]:
        """What was seen since the last taking, at most TOLD_MAX, and how many more of each kind."""
        taken = self._told, self._untold
        self._told, self._untold = [], {}
        return taken

    def _tell(self, sighting: Sighting) -> None:
        if len(self._told) < TOLD_MAX:
            self._told.append(sighting)
        else:
            self._untold[sighting.kind] = self._untold.get(sighting.kind, 0) + 1
