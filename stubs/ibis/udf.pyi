from collections.abc import Callable
from typing import Any

from ibis.expr.types import Value

class scalar:
    @staticmethod
    def builtin(
        *, name: str, signature: tuple[tuple[str, ...], str]
    ) -> Callable[[Callable[..., Any]], Callable[..., Value]]: ...
