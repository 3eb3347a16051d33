"""Reading a font."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

class _MaximumProfile:
    numGlyphs: int  # noqa: N815  # its own name

class TTFont:
    def __init__(self, file: Path, *, lazy: bool) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def __getitem__(self, tag: Literal["maxp"]) -> _MaximumProfile: ...
    def setGlyphOrder(self, order: Sequence[object]) -> None: ...  # noqa: N802  # its own name
    def getBestCmap(self) -> dict[int, str]: ...  # noqa: N802  # its own name
