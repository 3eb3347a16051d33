"""Reading a font."""

from pathlib import Path
from typing import Self

class TTFont:
    def __init__(self, file: Path, *, lazy: bool) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def getBestCmap(self) -> dict[int, str]: ...  # noqa: N802  # its own name
