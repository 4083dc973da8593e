"""Sums of doubles without rounding, over many windows at once.

A double is an integer times a power of two, so a sum can be kept exactly as a long integer, cut into limbs of 32 bits that are added
apart from each other and carried only when the sum is read (Kulisch's long accumulator; Neal, "Fast exact summation using small
and large superaccumulators", 2015). Adding and removing terms then commute: the sum depends on the terms alone, not on their order.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LIMB_BITS = 32
# Power of two of the lowest limb's lowest bit. Below that of any double's mantissa, and a multiple of LIMB_BITS.
LOWEST_EXPONENT = -1152
# Terms that a limb can take before it overflows: 2^63 / 2^33.
TERMS_MAX = 1 << 30

_MANTISSA_BITS = 53
_MASK = (1 << LIMB_BITS) - 1
_HALF = 1 << (LIMB_BITS - 1)
_EXPONENT_MAX = 1100
# More than a carried digit can lie above the largest double.
_ROOM = 200

Integers = NDArray[np.int64]


def split(values: NDArray[np.float64]) -> dict[int, Integers]:
    """Finite values cut into limbs: limb number to one integer a value. Limbs that are zero for all are left out.

    value = sum of limb[i] * 2^(32 i - 1152).
    """
    fraction, exponent = np.frexp(values)
    mantissa = np.ldexp(fraction, _MANTISSA_BITS).astype(np.int64)
    offset = exponent.astype(np.int64) - (_MANTISSA_BITS + LOWEST_EXPONENT)
    first, shift = offset >> 5, offset & (LIMB_BITS - 1)
    low = (mantissa & _MASK) << shift
    high = (mantissa >> LIMB_BITS) << shift
    pieces = (low & _MASK, (low >> LIMB_BITS) + (high & _MASK), high >> LIMB_BITS)
    limbs: dict[int, Integers] = {}
    for number in range(int(first.min(initial=0)), int(first.max(initial=-1)) + 1):
        here = first == number
        if here.any():
            for place, piece in enumerate(pieces, start=number):
                part = np.where(here, piece, 0)
                if part.any():
                    limbs[place] = limbs[place] + part if place in limbs else part
    return limbs


def join(limbs: Mapping[int, Integers], count: int, scale: int = 0) -> NDArray[np.float64]:
    """The `count` sums whose limbs these are, each within one unit in the last place of math.fsum; infinite beyond the doubles.

    Limbs are carried into digits of -2^31 to 2^31 - 1, so that the leading one bears the sign and nothing cancels, and added from
    the smallest up, with the rounding errors of the additions kept beside (Dekker's fast two-sum). `scale` makes room at the top:
    the digits are added times 2^-scale.
    """
    total, errors = np.zeros(count), np.zeros(count)
    carry: Integers = np.zeros(count, dtype=np.int64)
    number = min(limbs, default=0)
    last = max(limbs, default=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        while number <= last or carry.any():
            whole = limbs[number] + carry if number in limbs else carry
            digit = ((whole + _HALF) & _MASK) - _HALF
            carry = (whole - digit) >> LIMB_BITS
            term = np.ldexp(digit.astype(np.float64), min(number * LIMB_BITS + LOWEST_EXPONENT, _EXPONENT_MAX) - scale)
            larger = term + total
            errors += total - (larger - term)
            total = larger
            number += 1
        total = np.ldexp(total + errors, scale)
        beyond = np.flatnonzero(~np.isfinite(total))
        if beyond.size and not scale:
            total[beyond] = join({number: limb[beyond] for number, limb in limbs.items()}, len(beyond), _ROOM)
    return total


def exact_sum(values: Sequence[float]) -> float:
    """The sum of finite values, as `join` rounds it."""
    limbs = split(np.asarray(values, dtype=np.float64))
    return float(join({number: parts.sum(keepdims=True) for number, parts in limbs.items()}, 1)[0])
