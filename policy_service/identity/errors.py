"""Exceptions of authentication and authorisation, each with a message for the caller."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from policy_service.characters import spelling_error, text_error
from policy_service.errors import PolicyServiceError
from policy_service.messages import Message, join_semicolon


class IdentityError(PolicyServiceError):
    """The request is rejected; the message is the reason."""


class IdentityPermissionDenied(IdentityError):
    """The actor may not do this."""

    kind = "not-allowed"


class IdentityConflict(IdentityError):
    """The action conflicts with the current state."""

    kind = "conflict"


class StaleAccount(IdentityError):
    """The account has changed since the caller read it."""

    kind = "precondition-failed"


class AuthenticationFailed(IdentityError):
    """The credential is invalid: wrong, expired or revoked."""

    kind = "not-authenticated"


class ReauthenticationRequired(IdentityError):
    """The action requires re-authentication."""

    kind = "confirmation-needed"


class SignInFailed(IdentityError):
    """Name and password do not match. Which of them is wrong is not disclosed; `account` is for the log."""

    kind = "sign-in-refused"

    def __init__(self, account: str | None = None) -> None:
        self.account = account
        super().__init__(Message("the user name or the password is wrong, or the account is disabled"))


class SignInThrottled(IdentityError):
    """Too many wrong passwords: sign-in is blocked until `until`, even with the right password.

    `account` is the account of the name, if any, for the service log.
    """

    kind = "too-many-attempts"

    def __init__(self, until: datetime, account: str | None = None) -> None:
        self.until, self.account = until, account
        super().__init__(Message("too many wrong passwords: try again after {until:%H:%M:%S} UTC", until=until))

    def retry_after(self, now: datetime) -> int:
        """Return the seconds until `until`, at least one."""
        return max(1, round((self.until - now).total_seconds()))


class ProviderRejected(IdentityError):
    """The identity provider's response is not accepted."""

    kind = "sign-in-refused"


class ProviderUnavailable(IdentityError):
    """The identity provider does not answer, or not validly."""

    kind = "provider-unavailable"


class UnknownAccount(PolicyServiceError, LookupError):
    """No account has the identifier, which the message names."""

    kind = "not-found"


class UnknownApiKey(PolicyServiceError, LookupError):
    """No API key has the identifier, which the message names."""

    kind = "not-found"


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error in one field: its name, the value if it may be shown, what was expected, and a hint."""

    member: str
    value: str
    expected: str
    hint: str | None = None

    @property
    def message(self) -> str:
        """Return the error without the field."""
        expected = Message("{member}: expected {expected}", member=self.member, expected=self.expected)
        return expected if self.hint is None else join_semicolon([expected, self.hint])


def line_error(member: str, text: str, limit: int) -> FieldError | None:
    """Return the error of a permanent one-line text; None if there is none."""
    is_line = text.strip() == text != "" and len(text) <= limit and text.isprintable()
    hint = text_error(text)
    if is_line and hint is None:
        return None
    expected = Message("1 to {limit} characters, on one line", limit=limit)
    return FieldError(member, text, expected, hint or spelling_error(text))


class IdentityValidationFailed(PolicyServiceError, ValueError):
    """The data of an account or a key are invalid. Carries all errors."""

    kind = "request-refused"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__(join_semicolon(fault.message for fault in self.errors))
