"""Parses numbers exactly, as whole multiples of 10^-scale: from JSON numbers and from plain decimals as text.

Trailing zeros are ignored: 45.0 is the whole number 45. Other digits beyond the scale are rejected, never rounded.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact

MAX_DECIMALS = 20
"""Maximum number of decimals of a number in text."""
PLAIN_DECIMAL = re.compile(rf"-?(?:0|[1-9][0-9]{{0,30}})(?:\.[0-9]{{1,{MAX_DECIMALS}}})?", re.ASCII)
_FAR = 60
"""The power of ten beyond which a number is only known to be too large."""
_FAR_OFF: int = 10**_FAR
_EXACTLY = Context(prec=2 * _FAR, traps=[Inexact])


def scaled_number(raw: object, scale: int) -> int | None:
    """Return `raw` times 10^scale; None if it is no number, or has more than `scale` decimals."""
    match raw:
        case bool():
            return None
        case int():
            return int(raw * 10**scale)
        case str():
            return scaled_text(raw, scale)
        case Decimal() if raw.is_finite():
            if raw and raw.adjusted() > _FAR:
                return -_FAR_OFF if raw.is_signed() else _FAR_OFF  # far out of any range, and not worth its digits
            try:
                scaled = _EXACTLY.scaleb(_EXACTLY.normalize(raw), scale)
            except Inexact:  # it has more digits than any that fits
                return None
            return int(scaled) if scaled == scaled.to_integral_value() else None
        case _:
            return None


def scaled_text(text: str, scale: int) -> int | None:
    """Return the plain decimal `text` times 10^scale; None if it is none, or has more than `scale` decimals."""
    if not PLAIN_DECIMAL.fullmatch(text):
        return None
    whole, _, decimals = text.partition(".")
    significant = decimals.rstrip("0")
    return int(whole + significant.ljust(scale, "0")) if len(significant) <= scale else None
