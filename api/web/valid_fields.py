"""The valid fields of a body or a form that is refused: what the database knows of them is told in the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError


def valid_fields(model: type[BaseModel], data: object, error: ValidationError) -> SimpleNamespace:
    """The valid fields of `data`, as the model has them, and the defaults of those that were not sent.

    A field that is not valid is no attribute: whoever reads it gets AttributeError.
    """
    sent = data if isinstance(data, Mapping) else {}
    invalid = {str(each["loc"][0]) for each in error.errors(include_url=False) if each["loc"]}
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name not in sent and not field.is_required():
            values[name] = field.get_default(call_default_factory=True)
        elif name in sent and name not in invalid:
            kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
            values[name] = TypeAdapter(kind).validate_python(sent[name])
    return SimpleNamespace(**values)
