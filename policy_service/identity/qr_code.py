"""QR codes (ISO/IEC 18004), by which an application reads the secret of a second factor."""

from __future__ import annotations

from typing import NamedTuple

QUIET_ZONE = 4
"""Width of the light border, modules."""


class QrCode(NamedTuple):
    """A QR code (ISO/IEC 18004), as a path of SVG whose unit is a module."""

    size: int
    """The side length in modules, including the quiet zone of four."""
    path: str


def qr_code(text: str) -> QrCode:
    """Return the QR code of a text."""
    import segno  # noqa: PLC0415  # this page alone needs it

    rows = list(segno.make_qr(text).matrix_iter(border=QUIET_ZONE))
    dark = ((x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return QrCode(len(rows), "".join(f"M{x} {y}h1v1h-1z" for x, y in dark))
