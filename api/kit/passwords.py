"""New passwords in forms: typed twice, with their errors beside the field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, SecretStr

from api.kit.form_fields import MAX_PASSWORD, Widget
from api.kit.forms import FieldErrors, FormModel, expected_error
from policy_service.identity.errors import FieldError
from policy_service.identity.service import password_field_error
from policy_service.messages import Message


class NewPasswordForm(FormModel):
    """A new password, twice."""

    new: Annotated[
        SecretStr,
        Widget(
            "new-password",
            Message("New password"),
            Message("12 to 256 characters, at least 5 of them different; a sentence is easiest to keep in mind."),
        ),
        Field(max_length=MAX_PASSWORD),
    ]
    again: Annotated[
        SecretStr, Widget("new-password", Message("Repeat the new password")), Field(max_length=MAX_PASSWORD)
    ]

    def errors(self, *names: str) -> FieldErrors:
        """Return the errors of the password; it may hold none of the names."""
        return password_errors("new", self.new.get_secret_value(), self.again.get_secret_value(), *names)


def password_errors(field: str, password: str, repeated: str, *names: str) -> FieldErrors:
    """Return the errors of a new password that was typed twice; empty when there are none."""
    errors: FieldErrors = {}
    if (error := password_field_error(password, *names)) is not None:
        errors[field] = expected_error(error.expected)
    if password != repeated:
        errors["again"] = Message("This is not the same password.")
    return errors


def field_errors(errors: Iterable[FieldError]) -> FieldErrors:
    """Faults that the library found, each by its field."""
    return {error.member: expected_error(error.expected) for error in errors}
