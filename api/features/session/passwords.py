"""New passwords in forms: typed twice, and told beside the field what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable

from api.kit.forms import FieldErrors
from policy_service.identity.errors import FieldError
from policy_service.identity.service import password_field_error
from policy_service.messages import Message


def password_errors(field: str, password: str, repeated: str, *names: str) -> FieldErrors:
    """What is wrong with a new password that was typed twice; empty when it will do."""
    errors: FieldErrors = {}
    if (error := password_field_error(password, *names)) is not None:
        errors[field] = error_message(error)
    if password != repeated:
        errors["again"] = Message("This is not the same password.")
    return errors


def error_message(error: FieldError) -> Message:
    """A fault that the library found, as it stands beside a field."""
    return Message("Expected {expected}.", expected=error.expected)


def field_errors(errors: Iterable[FieldError]) -> FieldErrors:
    """Faults that the library found, each by its field."""
    return {error.member: error_message(error) for error in errors}
