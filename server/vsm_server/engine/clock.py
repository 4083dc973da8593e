"""Engine time: monotonic, never before the log, and drawn toward the wall clock without a jump."""

from dataclasses import dataclass

SLEW_SHARE = 10  # engine time is drawn toward the wall clock by at most one part in so many
AHEAD_MAX_NS = 3600 * 1_000_000_000  # of the log's end before the wall clock; beyond it is a fault of the clock
TOLD_NS = 1_000_000_000  # difference between engine time and the wall clock that is worth telling


class ClockBehind(Exception):  # noqa: N818  told at start, with what to do
    """The log ends far ahead of the wall clock."""


@dataclass(slots=True)
class EngineClock:
    """Engine time in nanoseconds since the Unix epoch, from readings of a wall clock and a monotonic clock that are handed in.

    Starts at the later of the wall clock and the log's last entry; moves with the monotonic clock, up to a tenth faster or slower
    while the wall clock differs. Never goes back.
    """

    now_ns: int
    monotonic_ns: int

    @classmethod
    def started(cls, wall_ns: int, monotonic_ns: int, last_entry_ns: int, *, accept: bool = False) -> "EngineClock":
        """The clock of a server that starts; raises ClockBehind when the log is over an hour ahead, unless that is accepted."""
        if last_entry_ns > wall_ns + AHEAD_MAX_NS and not accept:
            hours = (last_entry_ns - wall_ns) / AHEAD_MAX_NS
            message = f"the log ends {hours:.1f} h ahead of this machine's clock: set the clock right, or start with --accept-clock"
            raise ClockBehind(message)
        return cls(max(wall_ns, last_entry_ns), monotonic_ns)

    def read(self, wall_ns: int, monotonic_ns: int) -> int:
        """Engine time now."""
        elapsed = max(0, monotonic_ns - self.monotonic_ns)
        self.monotonic_ns = max(self.monotonic_ns, monotonic_ns)
        difference = wall_ns - (self.now_ns + elapsed)
        slew = elapsed // SLEW_SHARE
        self.now_ns += elapsed + max(-slew, min(slew, difference))
        return self.now_ns

    def difference_ns(self, wall_ns: int) -> int:
        """How far the wall clock is ahead of engine time, as of the last reading."""
        return wall_ns - self.now_ns
