"""Exceptions of the library's public interface."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Literal, Self

from policy_service.messages import Message

NO_ENDED_POLICIES: Mapping[str, str] = MappingProxyType({})
NO_EXTENSIONS: Mapping[str, object] = MappingProxyType({})
FactErrorCode = Literal["unknown-fact", "mistyped", "out-of-range", "contradiction"]


ErrorKind = Literal[
    "busy",
    "change-unfit",
    "check-abandoned",
    "confirmation-needed",
    "conflict",
    "damaged-record",
    "database-unavailable",
    "files-unavailable",
    "idempotency-key-reused",
    "invalid-parameter",
    "not-allowed",
    "not-authenticated",
    "not-found",
    "not-ready",
    "override-unfit",
    "precondition-failed",
    "provider-unavailable",
    "request-in-flight",
    "request-refused",
    "sign-in-refused",
    "too-many-attempts",
    "unknown-policy",
]
"""How a caller can react to an error; over HTTP each is the name of a problem type."""


class PolicyServiceError(Exception):
    """A failure or rejection reported to the caller: the message is the reason."""

    kind: ClassVar[ErrorKind]
    retry_seconds: ClassVar[int | None] = None
    """Seconds after which a retry may succeed."""

    @property
    def detail(self) -> str:
        """Return the reason, as reported to a caller."""
        return str(self)

    @property
    def extensions(self) -> Mapping[str, object]:
        """Return further members of the problem, by name."""
        return NO_EXTENSIONS

    def retry_after(self, now: datetime) -> int | None:  # noqa: ARG002  # one that ends at an instant counts from it
        """Return the seconds after `now` at which a retry may succeed; None if waiting does not help."""
        return self.retry_seconds


class FilesUnavailable(PolicyServiceError):
    """The service cannot read or write its own files: of jobs, of exports, of work in hand."""

    kind = "files-unavailable"
    retry_seconds = 60

    @classmethod
    def because_of(cls, error: Exception) -> Self | None:
        """Return the failure that an error of the system is; None for any other error."""
        if not isinstance(error, OSError) or error.errno not in _OF_FILES:
            return None
        reason = os.strerror(error.errno).lower()
        return cls(Message("The service cannot read or write its files: {reason}. Its log says where.", reason=reason))


_OF_FILES = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE),
    *(errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
}
"""Errors of the system about files and their disk, not about connections and processes."""


def stack_frames(error: BaseException) -> list[str]:
    """Return an error's stack frames, here or in a worker, without its message, which may contain secrets."""
    if (worker_frames := error.__dict__.get("where")) is not None:
        return list(worker_frames)
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-10:]]


class StartupError(ValueError):
    """The service cannot start; the message says why, and `status` is the exit status of `policy-service serve`."""

    status = 7
    """The exit status; by default, that the versions in force cannot decide."""


@dataclass(frozen=True, slots=True)
class FactProblem:
    """One rejected fact: its name, the reason, the given value (shortened) and what was expected."""

    fact: str
    code: FactErrorCode
    value: str
    expected: str
    hint: str | None = None

    def to_dict(self) -> dict[str, object]:
        return {
            "fact": self.fact,
            "code": self.code,
            "value": self.value,
            "expected": self.expected,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        """Return the problem as one line."""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.fact}: {self.code}: expected {self.expected}, found {self.value}{hint}"


class FactsRejected(ValueError):
    """Facts are unknown, mistyped, out of range or contradict a decision. Carries all of them."""

    def __init__(self, problems: Iterable[FactProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class UnknownPolicies(ValueError):
    """Requested policies are not served. Carries all their names, each with the closest served one.

    `ended` are those that were in force and were ended, each with a clause that says when and by which change.
    """

    def __init__(
        self, names: Iterable[str], hints: dict[str, str], ended: Mapping[str, str] = NO_ENDED_POLICIES
    ) -> None:
        self.names = tuple(names)
        self.hints = hints
        self.ended = ended
        super().__init__(
            "; ".join(
                f"`{name}` is not in force: {ended[name]}" if name in ended else f"unknown policy `{name}`"
                for name in self.names
            )
        )


class WrongSubjectKind(UnknownPolicies):
    """Requested policies are about another kind of subject; `kinds` has the kind of each."""

    def __init__(self, kind: str, kinds: Mapping[str, str]) -> None:
        super().__init__(
            kinds, {name: f"it is about `{each}`: ask with the kind `{each}`" for name, each in kinds.items()}
        )
        self.kind, self.kinds = kind, kinds
        self.args = ("; ".join(f"`{name}` is about `{each}`, not about `{kind}`" for name, each in kinds.items()),)


class UnknownSubjectKind(ValueError):
    """No policy about subjects of this kind is served; `kinds` are the served ones."""

    def __init__(self, kind: str, kinds: Iterable[str]) -> None:
        self.kind, self.kinds = kind, tuple(sorted(set(kinds)))
        super().__init__(f"no policy is about `{kind}`, only about {', '.join(f'`{each}`' for each in self.kinds)}")


class CrossGroupsRejected(ValueError):
    """A statement of cross groups is invalid. Carries every reason, each a sentence without its full stop."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))
