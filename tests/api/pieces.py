"""Pieces of work for workers to do, well and badly."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from pathlib import Path
from typing import NoReturn

from api.web.problems import CONFLICT, ProblemError
from policy_service.messages import Message


def add(one: int, other: int) -> int:
    return one + other


def process() -> int:
    return os.getpid()


def limits() -> tuple[int, int, bool]:
    """Bytes of address space, how nice the process is, whether a terminal or a supervisor can end it."""
    can_be_ended = any(signal.getsignal(each) is not signal.SIG_IGN for each in (signal.SIGINT, signal.SIGTERM))
    return resource.getrlimit(resource.RLIMIT_AS)[0], os.nice(0), can_be_ended


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def die() -> NoReturn:
    os._exit(1)


def gorge() -> int:
    return len(bytearray(4 * 2**30))


def fail() -> NoReturn:
    raise LookupError("a customer's figure")


def refuse(how: str) -> NoReturn:
    from policy_service.approval.service import ValidationFailed  # noqa: PLC0415  # most workers begin without them
    from policy_service.database import DatabaseUnavailable  # noqa: PLC0415

    match how:
        case "problem":
            raise ProblemError(CONFLICT, Message("`{policy}` is not in force", policy="x/y"), hint="none")
        case "unfit":
            raise ValidationFailed(
                [Message("The {name} must be given.", name="title")], [{"text": "t", "faults": []}], {"a": 1}
            )
        case _:
            raise DatabaseUnavailable("full")


class Unsendable(Exception):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)
        self.lock = threading.Lock()


def fail_unsendably() -> NoReturn:
    raise Unsendable("a", "b")


def give_unsendably() -> threading.Lock:
    return threading.Lock()


def reserve_for_arrow() -> int:
    """Return the bytes of address space that the first array of Arrow adds."""
    import pyarrow as pa  # noqa: PLC0415  # it takes long to load

    before = address_space()
    pa.array(range(1_000))
    return address_space() - before


def address_space() -> int:
    """Return the bytes of address space of this process."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
