"""One test of many small cases: every case is tried, and each that fails is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVarTuple, Unpack

Cases = TypeVarTuple("Cases")
SHOWN = 200
"""Characters of a case that a failure shows."""


def for_each(
    cases: Iterable[tuple[*Cases]],
) -> Callable[[Callable[[Unpack[Cases]], None]], Callable[[], None]]:
    """Decorates a test of one case: it becomes one of all cases.

    For what takes less than the millisecond and a half that a test of its own costs; a test with fixtures is
    parametrized. Raises ValueError for no case at all.
    """
    given = list(cases)
    if not given:
        raise ValueError("there is no case")

    def decorate(test: Callable[[Unpack[Cases]], None]) -> Callable[[], None]:
        def try_all() -> None:
            faults = [fault for case in given if (fault := _fault(test, case)) is not None]
            if faults:
                raise ExceptionGroup(f"{len(faults)} of {len(given)} cases", faults)

        try_all.__name__, try_all.__doc__, try_all.__module__ = test.__name__, test.__doc__, test.__module__
        return try_all

    return decorate


def _fault(test: Callable[[Unpack[Cases]], None], case: tuple[*Cases]) -> Exception | None:
    try:
        test(*case)
    except Exception as fault:  # noqa: BLE001  # told with the others
        fault.add_note(f"case: {repr(case)[:SHOWN]}")
        return fault
    return None
