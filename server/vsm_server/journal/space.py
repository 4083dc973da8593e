"""Room on the disk, and a reserve that is given up when the disk is full so that what matters most can still be written."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from vsm_server.journal.port import Space, SpaceState

RESERVE_BYTES = 64 * 1024 * 1024
RESERVE_NAME = "reserve"
# Under this share of free room events are refused.
LOW_SHARE = 0.05


class VolumeStatus(Protocol):
    """The part of os.statvfs_result that counts."""

    @property
    def f_frsize(self) -> int: ...
    @property
    def f_blocks(self) -> int: ...
    @property
    def f_bavail(self) -> int: ...


class DiskSpace:
    """Where a data directory's disk stands, for any thread. `make_reserve` may take milliseconds, all else microseconds.

    Full once: the reserve is freed, RESERVE. Full again: READ_ONLY. Back to LOW or ROOMY when the reserve could be made again, which is
    tried from twice its size of free room on.
    """

    def __init__(self, data_dir: Path, *, reserve_bytes: int = RESERVE_BYTES, statvfs: Callable[[Path], VolumeStatus] = os.statvfs) -> None:
        self._data_dir = data_dir
        self._path = data_dir / RESERVE_NAME
        self._reserve_bytes = reserve_bytes
        self._statvfs = statvfs
        self._full: SpaceState | None = None
        self._reserved = False
        self._lock = threading.Lock()
        self.make_reserve()

    def now(self) -> Space:
        """Room now."""
        free, total = self._measure()
        if self._full is not None:
            return Space(self._full, free, total)
        return Space(SpaceState.LOW if free < LOW_SHARE * total else SpaceState.ROOMY, free, total)

    def went_full(self) -> None:
        """A write found no room."""
        with self._lock:
            if self._reserved:
                self._path.unlink(missing_ok=True)
                self._reserved = False
                self._full = SpaceState.RESERVE
            else:
                self._full = SpaceState.READ_ONLY

    @property
    def wants_reserve(self) -> bool:
        """The reserve is missing and there is room for it."""
        return not self._reserved and self._measure()[0] >= 2 * self._reserve_bytes

    def make_reserve(self) -> None:
        """Take the reserve if there is room; a failed attempt changes nothing."""
        with self._lock:
            if self._path.exists() and self._path.stat().st_size == self._reserve_bytes:
                self._reserved = True
            elif self.wants_reserve:
                self._reserved = self._allocate()
            if self._reserved:
                self._full = None

    def _allocate(self) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._reserve_bytes)
        except OSError:
            self._path.unlink()
            return False
        finally:
            os.close(descriptor)
        return True

    def _measure(self) -> tuple[int, int]:
        status = self._statvfs(self._data_dir)
        return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
