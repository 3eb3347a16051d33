"""`/accounts/{account}`: one account, its history, and what whoever reads it may do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.pages.administration.accounts import ROLES
from api.pages.administration.steps import Told, told_of
from api.pages.confirming import Confirming, confirming
from api.pages.forms import Filled
from api.pages.frame import Frame
from api.pages.listing import quoted
from api.pages.rendering import Pages
from api.transactions import reading
from policy_service.actor import Actor, Role
from policy_service.identity import service as identity
from policy_service.identity.account import Account, Verdict, may_administer, may_change_roles, may_disable, may_link
from policy_service.identity.history import history
from policy_service.identity.vouching import can_be_vouched, may_vouch
from policy_service.sentences import Sentence

NOTICES: Mapping[str, Sentence] = {
    "created": Sentence("The account was made."),
    "roles": Sentence("The roles were changed. The person's sessions have ended."),
    "disable": Sentence("The account was disabled. The person's sessions have ended."),
    "enable": Sentence("The person may sign in again."),
    "password": Sentence("The password was changed. The person's sessions have ended."),
    "link": Sentence("The account was linked. The person's sessions have ended."),
    "vouch": Sentence("You have vouched for the account: its signing roles take effect."),
}
FORMS = ("roles", "disable", "enable", "password", "link", "vouch")


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One account."""

    template: ClassVar[str] = "administration/account.html"
    frame: Frame
    account: Account
    waiting: frozenset[Role]
    administers: Verdict
    may_change_roles: Verdict
    may_disable: Verdict
    may_set_password: Verdict
    may_link: Verdict
    may_vouch: Verdict
    """True, or why not; for each of the forms."""
    needs_vouching: bool
    confirming: Confirming
    """How whoever vouches proves who they are."""
    issuer: str
    forms: Mapping[str, Filled]
    roles: Sequence[tuple[str, Sentence]]
    steps: tuple[Told, ...]


def account_page_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/accounts/{account}")
    async def one_account(request: Request, account: str) -> Response:
        """One account."""
        return pages.show(await account_page(pages, request, account))

    return router


async def account_page(
    pages: Pages, request: Request, account: str, refused: Mapping[str, Filled] | None = None
) -> AccountPage:
    """The page of an account; `refused` is the form that has to be filled in again. Raises UnknownAccount."""

    def look(session: Session) -> tuple[dict[str, Account], tuple[Told, ...]]:
        identity.read_account(session, account)
        return identity.accounts(session), told_of(history(session, account))

    everybody, steps = await reading(pages.service, look)
    actor, found = asker(request).actor, everybody[account]
    return AccountPage(
        frame=pages.frame(request, NOTICES.get(request.query_params.get("done", ""))),
        account=found,
        waiting=found.waiting.roles if found.waiting else frozenset(),
        administers=may_administer(actor),
        may_change_roles=may_change_roles(actor, found, found.roles, everybody),
        may_disable=may_disable(actor, found, everybody),
        may_set_password=_may_set_password(actor, found),
        may_link=may_link(actor, found),
        may_vouch=_may_vouch(actor, found, everybody),
        needs_vouching=found.waiting is not None,
        confirming=confirming(request, pages.service.clock.now(), f"/accounts/{quoted(account)}#vouch"),
        issuer=pages.service.settings.oidc_issuer or "",
        forms={**{name: pages.new_form() for name in FORMS}, "roles": _standing(pages, found), **(refused or {})},
        roles=ROLES,
        steps=steps,
    )


def _standing(pages: Pages, account: Account) -> Filled:
    """The form of the roles, with those that the account has."""
    return Filled(pages.new_form().key, {"roles": tuple(role.value for role in account.roles)})


def _may_set_password(actor: Actor, account: Account) -> Verdict:
    if actor.id == account.id:
        return Sentence("Change your own password under “My account”.")
    return may_administer(actor)


def _may_vouch(actor: Actor, account: Account, everybody: Mapping[str, Account]) -> Verdict:
    if (verdict := may_vouch(actor, account, everybody)) is not True:
        return verdict
    return can_be_vouched(account, actor)
