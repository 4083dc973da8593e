"""Versions, and whether two fit."""

import re

CONTRACT = "0.1.0"
_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.\d{1,9})?(?:[-+.a-z0-9]{0,32})")


def compatible(client: str, contract: str) -> bool | None:
    """Whether a client of that version understands the contract: same major, and while that is 0 the same minor. None: no version."""
    one, other = _VERSION.fullmatch(client), _VERSION.fullmatch(contract)
    if one is None or other is None:
        return None
    if one[1] != other[1]:
        return False
    return one[1] != "0" or int(one[2]) == int(other[2])
