"""Results as JSON: dataclasses become objects; messages keep their pattern, so that they can still be translated.

`Message("entry {seq} was removed", seq=17)` is `{"$message": ["entry {seq} was removed", {"seq": 17}]}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from string import Formatter
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from policy_service.messages import Message, plain_text, rebuild_message

MESSAGE = "$message"
FORMATS = frozenset({"", None, "g", ","})
"""Format specifications that a stored pattern may contain."""


def encode_json(value: object) -> str:
    """Return a result as JSON."""
    return json.dumps(_encode(value), ensure_ascii=False)


def decode_json(text: str) -> Any:  # noqa: ANN401  # whatever was encoded
    """Decode a result. Raises ValueError if it is no JSON, or contains an unknown pattern."""
    return _decode(json.loads(text))


def rebuild(kind: Any, data: Any) -> Any:  # noqa: ANN401  # a type, and what was decoded
    """Rebuild a value of a type from decoded JSON: dataclasses, and tuples and mappings of them; others unchanged.

    Raises LookupError, TypeError, ValueError if the data do not fit the type.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        hints, make = _type_hints(cast("object", kind)), cast("type[Any]", kind)
        return make(**{name: rebuild(hints[name], each) for name, each in data.items()})
    if origin in {Union, UnionType}:
        (kind,) = (each for each in arguments if each is not NoneType)
        return None if data is None else rebuild(kind, data)
    if origin is tuple:
        return tuple(rebuild(arguments[0], each) for each in data)
    if origin is not None and issubclass(origin, Mapping):
        return {name: rebuild(arguments[1], each) for name, each in data.items()}
    return data


@cache
def _type_hints(kind: object) -> Mapping[str, Any]:
    """Return the types of a class's fields; cached, since a result has hundreds of rows."""
    return get_type_hints(kind)


def without_patterns(value: object) -> Any:  # noqa: ANN401  # as JSON
    """Return a decoded result with plain texts, for the API."""
    match value:
        case str():
            return plain_text(value)
        case dict():
            return {name: without_patterns(each) for name, each in value.items()}
        case list():
            return [without_patterns(each) for each in value]
        case _:
            return value


def _encode(value: object) -> Any:  # noqa: ANN401  # as JSON
    match value:
        case Message() if _is_safe(value.pattern):
            return {MESSAGE: [value.pattern, _encode(value.values)]}
        case str():
            return plain_text(value)
        case Mapping():
            return {str(name): _encode(each) for name, each in value.items()}
        case list() | tuple():
            return [_encode(each) for each in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)


def _decode(value: Any) -> Any:  # noqa: ANN401  # as JSON
    match value:
        case {"$message": [str(pattern), dict(values)]}:
            if not _is_safe(pattern):
                raise ValueError("not a pattern of a message")
            return rebuild_message(pattern, _decode(values))
        case dict():
            return {name: _decode(each) for name, each in value.items()}
        case list():
            return [_decode(each) for each in value]
        case _:
            return value


def _is_safe(pattern: str) -> bool:
    """Return True if the pattern only contains names: attributes or widths in it could be an attack."""
    return all(
        (name is None or name.isidentifier()) and form in FORMATS and conversion is None
        for _, name, form, conversion in Formatter().parse(pattern)
    )
