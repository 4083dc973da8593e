"""Whether files have changed, told without reading them."""

from collections.abc import Iterable
from pathlib import Path

# Time of the last change (ns), length and inode of each file; None where there is none.
Stamps = tuple[tuple[int, int, int] | None, ...]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def stamps(paths: Iterable[Path]) -> Stamps:
    """Of each file, links followed."""
    return tuple(_stamp(path) for path in paths)
