"""Why somebody is not let in, or may not do what was asked: each a sentence for the one who asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from policy_service.characters import spelling_fault, text_fault
from policy_service.sentences import Sentence, in_turn


class IdentityRefused(Exception):
    """What was asked is refused; the message is the reason."""


class NotAllowed(IdentityRefused):
    """This actor may not do it."""


class NotPossible(IdentityRefused):
    """Nobody may do it as things are now."""


class Outdated(IdentityRefused):
    """It is not as whoever asks has seen it."""


class NotSignedIn(IdentityRefused):
    """The credential opens nothing: it is wrong, has ended, or was taken back."""


class NotConfirmed(IdentityRefused):
    """The act needs a proof of who somebody is that is given for it."""


class SignInRefused(IdentityRefused):
    """Name and password do not fit. Which of them is wrong is not told; `account` is for the log."""

    def __init__(self, account: str | None = None) -> None:
        self.account = account
        super().__init__(Sentence("the name or the password is wrong, or the account is disabled"))


class SignInBlocked(IdentityRefused):
    """Too many wrong passwords came from there: nobody is let in from there before `until`, with the right one neither.

    `account` is whose name was given, when it is anybody's: for the service's log.
    """

    def __init__(self, until: datetime, account: str | None = None) -> None:
        self.until, self.account = until, account
        super().__init__(Sentence("too many wrong passwords: try again after {until:%H:%M:%S} UTC", until=until))


class ProviderRefused(IdentityRefused):
    """What the provider of identities says opens nothing here."""


class ProviderUnavailable(IdentityRefused):
    """The provider of identities does not answer, or not in a way that can be believed."""


class UnknownAccount(LookupError):
    """There is no such account; the message names it."""


class UnknownKey(LookupError):
    """There is no such API key; the message names it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One member that is wrong: which, what it held when that may be shown, what was expected, and what to do."""

    member: str
    value: str
    expected: str
    hint: str | None = None

    @property
    def sentence(self) -> str:
        """The fault by itself."""
        expected = Sentence("{member}: expected {expected}", member=self.member, expected=self.expected)
        return expected if self.hint is None else in_turn([expected, self.hint])


def fault_of_line(member: str, text: str, limit: int) -> Fault | None:
    """What is wrong with a text of one line, which people read and which is never changed; None when nothing is."""
    is_line = text.strip() == text != "" and len(text) <= limit and text.isprintable()
    hint = text_fault(text)
    if is_line and hint is None:
        return None
    expected = Sentence("1 to {limit} characters, on one line", limit=limit)
    return Fault(member, text, expected, hint or spelling_fault(text))


class Malformed(ValueError):
    """What an account or a key is to be made from is wrong. Carries all faults."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(in_turn(fault.sentence for fault in self.faults))
