"""Windows as bytes: one JSON header that names every array with its type and length, then the arrays, raw, little-endian."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsm_server.operators.patterns.arrivals import Saved

_LENGTH_BYTES = 8
_ARRAYS = {"own": "<i8", "over": "|u1", "entered": "<i8", "waiting": "<i8", "time": "<i8", "value": "<f8"}

Header = dict[str, Any]
Section = tuple[Header, Saved | None]


def pack(header: Header, sections: Sequence[Section]) -> bytes:
    """One header for the whole, one for each section. Headers hold what JSON holds."""
    arrays: list[bytes] = []
    described = []
    for own, saved in sections:
        sizes: Header = {}
        if saved is not None:
            sizes = {name: len(getattr(saved, name)) for name in _ARRAYS}
            sizes |= {"keys": saved.keys, "late": saved.late, "evicted": saved.evicted}
            arrays += [getattr(saved, name).astype(kind).tobytes() for name, kind in _ARRAYS.items()]
        described.append([own, sizes])
    text = json.dumps([header, _ARRAYS, described], ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join([len(text).to_bytes(_LENGTH_BYTES, "little"), text, *arrays])


def unpack(body: bytes) -> tuple[Header, list[Section]]:
    """What `pack` was given. Raises ValueError if the bytes are not that."""
    size = int.from_bytes(body[:_LENGTH_BYTES], "little")
    try:
        header, kinds, described = json.loads(body[_LENGTH_BYTES : _LENGTH_BYTES + size])
        parts = _Parts(body, _LENGTH_BYTES + size, kinds)
        sections = [(own, parts.saved(sizes) if sizes else None) for own, sizes in described]
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"not saved windows: {problem}") from problem
    if parts.at != len(body):
        raise ValueError(f"{len(body) - parts.at} bytes too many")
    return header, sections


class _Parts:
    """Arrays read one behind the other."""

    def __init__(self, body: bytes, at: int, kinds: dict[str, str]) -> None:
        self._body = body
        self._kinds = kinds
        self.at = at

    def saved(self, sizes: Header) -> Saved:
        arrays = dict(self._arrays(sizes))
        keys = [tuple(key) for key in sizes["keys"]]
        whole = int(arrays["entered"].sum()) + int(arrays["waiting"].sum())
        if len(keys) != len(arrays["own"]) or whole != len(arrays["time"]):
            raise ValueError("saved windows do not fit together")
        return Saved(keys, **arrays, late=sizes["late"], evicted=sizes["evicted"])

    def _arrays(self, sizes: Header) -> Iterator[tuple[str, NDArray[Any]]]:
        for name, kind in self._kinds.items():
            array = np.frombuffer(self._body, dtype=kind, count=sizes[name], offset=self.at)
            self.at += array.nbytes
            yield name, array.astype(array.dtype.newbyteorder("="))
