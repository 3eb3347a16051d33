"""What somebody can do with a change: each act with its form, or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from api.pages.confirming import Confirming, confirming
from api.pages.forms import Filled
from api.pages.rendering import Pages
from api.pages.vocabulary import name_of
from policy_service.actor import Actor, Role
from policy_service.approval.service import MEANINGS, Action, Change, Meaning, Verdict, verdicts
from policy_service.sentences import Sentence

OFFERED: Mapping[Action, tuple[str, Sentence]] = {
    Action.EDIT: ("draft", Sentence("Edit the draft")),
    Action.SUBMIT: ("submit", Sentence("Submit")),
    Action.SIGN_OFF: ("sign-offs", Sentence("Sign")),
    Action.SCHEDULE: ("schedule", Sentence("Schedule")),
    Action.REQUEST_CHANGES: ("request-changes", Sentence("Ask for changes")),
    Action.REJECT: ("reject", Sentence("Reject")),
    Action.WITHDRAW: ("withdraw", Sentence("Withdraw")),
    Action.CANCEL: ("cancel", Sentence("Cancel")),
    Action.COMMENT: ("comments", Sentence("Comment")),
}
"""Every act of the page: how its address ends, and what its button says."""


@dataclass(frozen=True, slots=True)
class Offered:
    """One act: its form, or why there is none."""

    action: Action
    name: str
    """Ends the address of the act, and names its form."""
    words: Sentence
    verdict: Verdict
    form: Filled

    @property
    def is_open(self) -> bool:
        """Whether something was typed that has to be seen again."""
        return bool(self.form.refusal or self.form.faults)


@dataclass(frozen=True, slots=True)
class Acts:
    """All acts of one reader."""

    path: str
    etag: str
    digest: str | None
    by: Mapping[Action, Offered]
    meanings: tuple[Meaning, ...]
    """What a signature of this reader can mean."""
    confirming: Confirming
    diagnostics: tuple[Mapping[str, object], ...]
    """The faults of the files that kept the change from being submitted."""

    @property
    def roles(self) -> tuple[Role, ...]:
        """In which the reader can sign."""
        return self.by[Action.SIGN_OFF].verdict.roles

    @property
    def meaning_choices(self) -> tuple[tuple[str, Sentence], ...]:
        """What the signature can mean, to choose from: the sentences that will stand in the record."""
        return tuple((meaning.value, name_of(meaning)) for meaning in self.meanings)

    @property
    def sign(self) -> Offered:
        """The signature."""
        return self.by[Action.SIGN_OFF]

    @property
    def submit(self) -> Offered:
        """The submission."""
        return self.by[Action.SUBMIT]

    @property
    def schedule(self) -> Offered:
        """Putting it in force from its day."""
        return self.by[Action.SCHEDULE]

    @property
    def edit(self) -> Offered:
        """Editing the draft."""
        return self.by[Action.EDIT]

    @property
    def comment(self) -> Offered:
        """Saying something."""
        return self.by[Action.COMMENT]

    @property
    def with_reason(self) -> tuple[Offered, ...]:
        """The acts that take a reason and nothing else, as far as the reader may do them."""
        wanted = (Action.REQUEST_CHANGES, Action.REJECT, Action.WITHDRAW, Action.CANCEL)
        return tuple(self.by[action] for action in wanted if self.by[action].verdict.allowed)

    @property
    def refused(self) -> tuple[Offered, ...]:
        """The acts that the reader may not do; each says why."""
        return tuple(each for each in self.by.values() if not each.verdict.allowed and each.action in CHANGING)

    @property
    def gone(self) -> tuple[Offered, ...]:
        """Acts that were refused and that the reader can no longer do: what was typed is told once more."""
        return tuple(each for each in self.by.values() if not each.verdict.allowed and each.is_open)


CHANGING = frozenset(OFFERED) - {Action.COMMENT}
"""What moves a change; who may not comment is told beside the discussion."""


def acts_of(  # noqa: PLR0913, PLR0917  # who does what with which change, and what was refused before
    pages: Pages,
    request: Request,
    change: Change,
    actor: Actor,
    filled: Mapping[str, Filled],
    diagnostics: Sequence[Mapping[str, object]] = (),
) -> Acts:
    """What an actor can do with a change; `filled` are forms that were refused, by the end of their address."""
    now = pages.service.clock.now()
    found = verdicts(change, actor, now)
    by = {
        action: Offered(action, name, words, found[action], filled.get(name) or pages.new_form())
        for action, (name, words) in OFFERED.items()
    }
    roles = found[Action.SIGN_OFF].roles
    meanings = tuple(each for each in Meaning if any(each in MEANINGS[role] for role in roles))
    path = f"/changes/{change.id}"
    return Acts(
        path=path,
        etag=change.etag,
        digest=change.digest,
        by=by,
        meanings=meanings,
        confirming=confirming(request, now, f"{path}#sign-panel"),
        diagnostics=tuple(diagnostics),
    )
