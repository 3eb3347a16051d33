"""The frame around every page: the reader, the language, and the navigation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from starlette.requests import Request

from api.auth.authentication import STATE, Principal
from api.auth.permissions import PERMISSIONS
from api.kit.forms import FormState
from api.kit.languages import TAG, language_of
from api.kit.static import VERSION
from api.web.parameters import MAX_ADDRESS
from policy_service.access import check_permission
from policy_service.actor import REAUTHENTICATION_VALIDITY, Actor
from policy_service.identity.sessions import OIDC, UserSession
from policy_service.language.policy import Language
from policy_service.messages import Message
from policy_service.tasks import TaskKind

THEME = "policy_service_theme"
Theme = Literal["system", "light", "dark"]
THEMES: Mapping[str, Theme] = {"light": "light", "dark": "dark"}

SECTIONS: tuple[tuple[Message, str], ...] = (
    (Message("Home"), "/"),
    (Message("Policies"), "/policies"),
    (Message("Changes"), "/changes"),
    (Message("Suspensions"), "/suspensions"),
    (Message("Decisions"), "/decisions"),
    (Message("Group lists"), "/groups"),
    (Message("Overrides"), "/overrides"),
    (Message("In force"), "/in-force"),
    (Message("Regulations"), "/regulations"),
    (Message("Audit log"), "/audit"),
    (Message("Audit packs"), "/packs"),
    (Message("Accounts"), "/accounts"),
    (Message("API keys"), "/api-keys"),
    (Message("Keys"), "/keys"),
)
"""The sections in navigation order; a reader only sees those that they may open."""
TASK_SECTIONS: Mapping[TaskKind, str] = {
    TaskKind.CHANGE: "/changes",
    TaskKind.SUSPENSION: "/suspensions",
    TaskKind.OVERRIDE: "/overrides",
    TaskKind.ACCOUNT: "/accounts",
}
"""The section for each kind of task."""
Breadcrumbs = tuple[tuple[Message, str], ...]
"""The pages above a page: titles and addresses."""
TOPICS: Sequence[tuple[str, str]] = (
    (r"/changes/new|/changes/[^/]+/(?:draft|report)|/policies/[^/]+/[^/]+/try", "how-to/write-a-change"),
    (r"/changes/[^/]+/actual-effect", "how-to/compare-actual-effect"),
    (r"/changes", "how-to/sign-a-change"),
    (r"/suspensions|/policies/[^/]+/[^/]+/suspend", "how-to/suspend-a-policy"),
    (r"/policies", "tutorial/sign-your-first-change"),
    (r"/decisions", "how-to/find-out-why"),
    (r"/groups|/movements", "how-to/find-who-moved"),
    (r"/subjects/erase", "how-to/erase-a-subject"),
    (r"/subjects|/data-checks", "how-to/check-the-data"),
    (r"/reevaluations", "how-to/reevaluate-all-subjects"),
    (r"/benchmarks", "how-to/renew-a-benchmark-set"),
    (r"/runs", "how-to/run-over-a-file"),
    (r"/populations", "how-to/register-a-population"),
    (r"/overrides", "how-to/record-an-override"),
    (r"/in-force", "how-to/look-up-what-was-in-force"),
    (r"/regulations", "explanation/interpretations"),
    (r"/audit", "how-to/verify-the-log"),
    (r"/packs", "how-to/make-an-audit-pack"),
    (r"/accounts", "how-to/manage-accounts"),
    (r"/account", "reference/roles"),
    (r"/api-keys", "how-to/rotate-an-api-key"),
    (r"/keys", "how-to/rotate-the-signing-key"),
    (r"", "reference/pages"),
)
"""Address prefixes and the help documents of their pages; the first match counts."""


@dataclass(frozen=True, slots=True)
class Section:
    """One link of the navigation."""

    title: Message
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Reauthentication:
    """The re-authentication of a signing form: by password, or at the identity provider."""

    by_provider: bool = False
    """True if a form redirects to the provider first."""
    asks_code: bool = False
    """True if the password must be sent with a one-time code."""
    valid_until: datetime | None = None
    """Until when the provider's confirmation may be used; None if there is none."""

    @property
    def is_ready(self) -> bool:
        """True if the form can be sent: with the password, or after the provider's confirmation."""
        return not self.by_provider or self.valid_until is not None


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of a page."""

    lang: Language
    tag: str
    theme: Theme
    address: str
    """The path and query of the page, for returning to it."""
    sections: tuple[Section, ...]
    actor: Actor | None
    """The reader; None if not signed in."""
    now: datetime
    version: str
    """Changes with every style sheet or script."""
    help_topic: str
    """The help document of the page."""
    reauthentication: Reauthentication = Reauthentication()
    """How the reader re-authenticates."""
    done: str = ""
    """The word in the address for the action just done."""
    notice: Message | None = None
    """The same in words."""
    missing_glyphs: tuple[str, ...] = ()
    """The characters of the page that the typeface lacks."""
    waiting: Mapping[str, int] = field(default_factory=dict)
    """The number of the reader's tasks, by the address of their section; the total for the home page."""
    rejected: FormState | None = None
    """The rejected form, which the page announces at its top and scrolls to."""


class Page(Protocol):
    """One page: a frozen dataclass, and the template that shows it.

    Its `notices`, if any, say what was just done, by the value of `done` in the address.
    """

    template: ClassVar[str]


def frame_of(request: Request, now: datetime, *, asks_code: bool) -> Frame:
    """Return the frame of the requested page, at the time `now`; `asks_code` is True if signatures need a code."""
    principal: Principal | None = getattr(request.state, STATE, None)
    actor = principal.actor if principal else None
    path = request.url.path
    query = f"?{request.url.query}" if request.url.query else ""
    lang = language_of(request)
    return Frame(
        lang=lang,
        tag=TAG[lang],
        theme=THEMES.get(request.cookies.get(THEME, ""), "system"),
        address=f"{path}{query}"[:MAX_ADDRESS] if request.method == "GET" else "/",
        sections=_sections(actor, path) if actor else (),
        actor=actor,
        now=now,
        version=VERSION,
        help_topic=help_topic(path),
        reauthentication=_reauthentication(principal.user_session if principal else None, now, asks_code=asks_code),
        done=request.query_params.get("done", "") if request.method == "GET" else "",
    )


def _reauthentication(user_session: UserSession | None, now: datetime, *, asks_code: bool) -> Reauthentication:
    if user_session is None or user_session.method != OIDC:
        return Reauthentication(asks_code=asks_code)
    confirmed_at = user_session.confirmed_at
    is_fresh = confirmed_at is not None and now - confirmed_at <= REAUTHENTICATION_VALIDITY
    until = confirmed_at + REAUTHENTICATION_VALIDITY if confirmed_at is not None and is_fresh else None
    return Reauthentication(by_provider=True, valid_until=until)


def _sections(actor: Actor, path: str) -> tuple[Section, ...]:
    return tuple(
        Section(title, address, path == address or (address != "/" and path.startswith(f"{address}/")))
        for title, address in SECTIONS
        if ("GET", address) in PERMISSIONS and check_permission(actor, PERMISSIONS["GET", address]) is True
    )


def help_topic(path: str) -> str:
    """Return the document that helps on the page at `path`."""
    return next(topic for pattern, topic in TOPICS if re.match(rf"(?:{pattern})(?:/|$)" if pattern else "", path))
