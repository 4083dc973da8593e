"""Runs the benches, prints one table, and writes what they found: see bars.py for the targets, each bench for what it leaves out."""

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import fanout
import growth
import ingest
import latency
import memory
import side
import soak
import starting
import unary
import uvloop
from bars import BARS
from figures import Bench, Figure, Setting

ROOT = Path(__file__).parent.parent
RATCHET_FILE = Path(__file__).parent / "ratchet.json"
RESULTS = Path(__file__).parent / "results" / "latest.json"
# Figures from here on are shown without a fraction.
WHOLE_FROM = 1_000
BENCHES: dict[str, Bench] = {
    "ingest": ingest.run,
    "unary": unary.run,
    "latency": latency.run,
    "starting": starting.run,
    "memory": memory.run,
    "soak": soak.run,
    "fanout": fanout.run,
    "growth": growth.run,
    "detection": side.detect,
}
VERSIONS = ("vsm-server", "grpcio", "protobuf", "numpy", "protovalidate", "uvloop")


def machine() -> dict[str, Any]:
    """What the figures were measured on; nothing that names it."""
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory_mb = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return {"cpu": models[0] if models else "unknown", "cores": os.cpu_count(), "memory_mb": memory_mb, "kernel": platform.release()}


def versions() -> dict[str, str]:
    """Of what was measured."""
    found = {name: importlib.metadata.version(name) for name in VERSIONS}
    return {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **found}


def commit() -> str:
    """Of the tree, with a + when files differ from it."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "server", "perf"], check=False).returncode
    return f"{head}+" if head and changed else head


def as_found(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Figures with their bars."""
    found = []
    for figure in figures:
        bar = BARS.get(figure.name)
        verdict = {} if bar is None else {"bar": str(bar), "met": bar.met(figure.value)}
        found.append({**asdict(figure), **verdict})
    return found


def table(figures: Sequence[Figure]) -> str:
    """One line a figure."""
    lines = [f"{'figure':40} {'value':>14} {'unit':14} {'bar':>12}  verdict"]
    for figure in figures:
        bar = BARS.get(figure.name)
        verdict = "" if bar is None else "met" if bar.met(figure.value) else "MISSED"
        shown = f"{figure.value:,.0f}" if abs(figure.value) >= WHOLE_FROM else f"{figure.value:,.3g}"
        lines.append(f"{figure.name:40} {shown:>14} {figure.unit:14} {bar or ''!s:>12}  {verdict:7} {figure.note}".rstrip())
    return "\n".join(lines)


def slips(figures: Sequence[Figure]) -> list[str]:
    """Ratios that are much worse than those kept in ratchet.json, in words."""
    kept = json.loads(RATCHET_FILE.read_text())
    return [
        f"{figure.name} is {figure.value:.3g}, was {kept[figure.name]:.3g}"
        for figure in figures
        if figure.name in kept and BARS[figure.name].slipped(figure.value, kept[figure.name])
    ]


async def measure(names: Sequence[str], arguments: argparse.Namespace) -> list[Figure]:
    """Each bench in a directory of its own."""
    figures: list[Figure] = []
    arguments.room.mkdir(parents=True, exist_ok=True)
    rounds, round_s = (3, 0.7) if arguments.short else (5, 1.0)
    for name in names:
        begin_s = time.monotonic()
        with tempfile.TemporaryDirectory(dir=arguments.room) as room:
            setting = Setting(arguments.server, Path(room), rounds, round_s, arguments.short, arguments.long)
            figures += await BENCHES[name](setting)
        print(f"{name}: {time.monotonic() - begin_s:.0f} s", file=sys.stderr, flush=True)
    return figures


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(BENCHES), help="this bench alone; may be given more than once")
    parser.add_argument("--short", action="store_true", help="three short rounds, for CI")
    parser.add_argument("--long", action="store_true", help="what takes minutes: memory and soak for ten of them each, growth to the end")
    parser.add_argument("--ratchet", action="store_true", help="fail when a ratio is over 20 %% worse than in ratchet.json")
    parser.add_argument("--server", nargs="+", default=[str(Path(sys.executable).parent / "vsm-server")], help="the command that serves")
    parser.add_argument("--room", type=Path, default=ROOT / "build", help="where logs are written: a real disk")
    parser.add_argument("--output", type=Path, help=f"default: {RESULTS.relative_to(ROOT)} when all is run")
    return parser.parse_args()


def main() -> int:
    arguments = parsed()
    names = arguments.only or list(BENCHES)
    head, before = commit(), os.getloadavg()[0]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(measure(names, arguments))
    print(table(figures))
    tables = {} if arguments.only else side.tables()
    for script, lines in tables.items():
        print("\n".join(["", f"{script}:", *lines]))
    if before > (os.cpu_count() or 1) / 2:
        print(f"The machine was busy with other work (load {before:.1f} at the start): times on the clock say little, ratios more.")
    output = arguments.output or (None if arguments.only else RESULTS)
    if output is not None:
        found = {"taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": head, "short": arguments.short}
        found |= {"machine": machine(), "load_before": before, "versions": versions(), "figures": as_found(figures), "tables": tables}
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    worse = slips(figures) if arguments.ratchet else []
    if worse:
        print("\n".join(["", "Worse than before:", *worse]))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
