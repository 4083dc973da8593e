from dataclasses import dataclass
from pathlib import Path

import pytest

from vsm_server.journal.space import RESERVE_NAME, DiskSpace

RESERVE_BYTES = 64 * 1024
BLOCK_BYTES = 4096


@dataclass
class Disk:
    """A disk of 1,000 blocks that has as much room as the test says."""

    f_bavail: int
    f_blocks: int = 1000
    f_frsize: int = BLOCK_BYTES

    def __call__(self, _: Path) -> "Disk":
        return self


def space_on(disk: Disk, data_dir: Path) -> DiskSpace:
    return DiskSpace(data_dir, reserve_bytes=RESERVE_BYTES, statvfs=disk)


@pytest.mark.parametrize(("free_blocks", "state"), [(1000, "roomy"), (50, "roomy"), (49, "low"), (0, "low")])
def test_low_is_under_five_percent(free_blocks: int, state: str, tmp_path: Path) -> None:
    """Five percent free is enough, less is LOW; free and total are told in bytes."""
    told = space_on(Disk(free_blocks), tmp_path).now()
    assert (told.state.value, told.free_bytes, told.total_bytes) == (state, free_blocks * BLOCK_BYTES, 1000 * BLOCK_BYTES)


def test_reserve_takes_real_room(tmp_path: Path) -> None:
    """The reserve is a file of its full size, with blocks behind it."""
    space_on(Disk(500), tmp_path)
    status = (tmp_path / RESERVE_NAME).stat()
    assert status.st_size == RESERVE_BYTES
    assert status.st_blocks * 512 >= RESERVE_BYTES


def test_full_disk_goes_down_in_steps_and_comes_back(tmp_path: Path) -> None:
    """Full once frees the reserve, full twice leaves reading; with room for it the reserve is made again."""
    disk = Disk(0, f_blocks=10_000)
    disk.f_bavail = 500
    space = space_on(disk, tmp_path)
    disk.f_bavail = 0
    space.went_full()
    assert space.now().state.value == "reserve"
    assert not (tmp_path / RESERVE_NAME).exists()
    space.went_full()
    assert space.now().state.value == "read_only"
    disk.f_bavail = 31
    space.make_reserve()
    assert space.now().state.value == "read_only"
    disk.f_bavail = 32
    space.make_reserve()
    assert space.now().state.value == "low"
    assert (tmp_path / RESERVE_NAME).stat().st_size == RESERVE_BYTES
    disk.f_bavail = 9_000
    assert space.now().state.value == "roomy"


def test_without_room_for_a_reserve_full_means_read_only(tmp_path: Path) -> None:
    """A disk that is too full for a reserve at the start has no step between."""
    space = space_on(Disk(31), tmp_path)
    assert not (tmp_path / RESERVE_NAME).exists()
    space.went_full()
    assert space.now().state.value == "read_only"


def test_reserve_left_by_an_earlier_run_is_kept(tmp_path: Path) -> None:
    """A reserve of the right size is used though there would be no room for another; one cut short is made anew."""
    space_on(Disk(500), tmp_path)
    space = space_on(Disk(0), tmp_path)
    space.went_full()
    assert space.now().state.value == "reserve"
    (tmp_path / RESERVE_NAME).write_bytes(b"short")
    assert space_on(Disk(500), tmp_path).now().state.value == "roomy"
    assert (tmp_path / RESERVE_NAME).stat().st_size == RESERVE_BYTES
