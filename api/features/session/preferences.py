"""`POST /preferences`: the language and the colours that a reader wants, kept in two cookies that say nothing else."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from starlette.responses import Response

from api.auth.authentication import is_secure, refuse_other_sites
from api.kit import languages
from api.kit.context import PageContext
from api.kit.forms import FormModel, read_form, validate_form
from api.kit.frame import THEME
from api.kit.page_route import PageRoute
from api.web.problems import MALFORMED_FORM, ProblemError
from api.web.safe_redirect import MAX_ADDRESS, safe_redirect_address
from policy_service.language.policy import Language
from policy_service.messages import Message

YEAR = 365 * 24 * 60 * 60


class Preferences(FormModel):
    """The preferences to set; those left out stay as they are."""

    language: Language | None = None
    theme: Literal["system", "light", "dark"] | None = None
    back: Annotated[str, Field(max_length=MAX_ADDRESS)] = "/"


async def save_preferences(context: PageContext) -> Response:
    """Store a reader's preference, and redirect back."""
    refuse_other_sites(context.service, context.request.scope)
    values = validate_form(await read_form(context.request), Preferences)
    if not isinstance(values, Preferences):
        raise ProblemError(MALFORMED_FORM, Message("There is no such language or theme."))
    response, secure = (
        context.pages.redirect(safe_redirect_address(values.back)),
        is_secure(context.service, context.request.scope),
    )
    for name, value in ((languages.COOKIE, values.language), (THEME, values.theme)):
        if value is not None:
            response.set_cookie(name, value, max_age=YEAR, httponly=True, samesite="lax", secure=secure)
    return response


ROUTES = (PageRoute("/preferences", save_preferences, method="POST"),)
