"""What this machine's own load is, each second."""

import os
import re
import socket
from dataclasses import dataclass
from typing import Any

import psutil

KIND = "host"


@dataclass(frozen=True, slots=True)
class Counters:
    """Readings that only differences make sense of, at a moment of a steady clock in seconds."""

    at_s: float
    disk_read: int
    disk_written: int
    received: int
    sent: int


def unit_name() -> str:
    """This machine's name as a unit's: small letters, digits, '-', '_', '.', at most 63."""
    name = re.sub(r"[^a-z0-9._-]", "-", socket.gethostname().lower()).strip("-")
    return name[:63] or "host"


def counters(at_s: float) -> Counters:
    """The counters as they stand; 0 where the machine has none."""
    # Typed as always there; a container may have neither.
    disk: Any = psutil.disk_io_counters()
    network: Any = psutil.net_io_counters()
    read, written = (disk.read_bytes, disk.write_bytes) if disk else (0, 0)
    received, sent = (network.bytes_recv, network.bytes_sent) if network else (0, 0)
    return Counters(at_s, read, written, received, sent)


def measures(before: Counters, now: Counters) -> dict[str, float]:
    """Percent, bytes, and bytes a second between the two readings; the CPU's share since the call before."""
    memory, seconds = psutil.virtual_memory(), max(now.at_s - before.at_s, 1e-9)
    return {
        "cpu_percent": psutil.cpu_percent(interval=None),
        "load_1m": os.getloadavg()[0],
        "memory_percent": memory.percent,
        "memory_bytes": float(memory.total - memory.available),
        "disk_percent": psutil.disk_usage("/").percent,
        "disk_read_bytes_per_s": (now.disk_read - before.disk_read) / seconds,
        "disk_write_bytes_per_s": (now.disk_written - before.disk_written) / seconds,
        "network_in_bytes_per_s": (now.received - before.received) / seconds,
        "network_out_bytes_per_s": (now.sent - before.sent) / seconds,
    }
