"""A request's body: of a kind that is read, of a size that is read, measured while it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from api.web.problems import BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, ProblemError
from policy_service.messages import Message, join_or

UTF_8 = ("utf-8",)


async def read_body(
    scope: Scope, receive: Receive, *, limit: int, media_types: tuple[str, ...], charsets: tuple[str, ...] = UTF_8
) -> bytes:
    """Return the bytes of the body.

    Raises ProblemError if its type is not in `media_types`, or it exceeds `limit` bytes, which also bounds the memory
    used, up to one piece from the network; ClientDisconnect if the caller disconnects.
    """
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    check_media_type(headers, media_types, charsets)
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > limit:
        raise _too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_rest(body, receive, limit)
    elif message["type"] == "http.disconnect":
        raise ClientDisconnect
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def _read_rest(body: bytes, receive: Receive, limit: int) -> bytes:
    pieces, size, more = [body], len(body), True
    while more and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        more = message.get("more_body", False)
    return b"".join(pieces)


def check_media_type(
    headers: Mapping[bytes, bytes], media_types: Iterable[str], charsets: tuple[str, ...] = UTF_8
) -> None:
    """Raise ProblemError unless the body has one of `media_types` and `charsets`, uncompressed."""
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    media_type, _, parameters = content_type.partition(";")
    is_read = "charset" not in parameters.lower() or any(each in parameters.lower() for each in charsets)
    if media_type.strip().lower() not in media_types or not is_read:
        actual = f"`{content_type[:100]}`" if content_type else Message("no Content-Type")
        detail = Message("found {found}, expected {kinds}, in UTF-8", found=actual, kinds=join_or(media_types))
        _unsupported(detail, media_types)
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1")
    if encoding.strip().lower() != "identity":
        detail = Message("a body encoded as `{encoding}` is not decoded here", encoding=encoding[:100])
        _unsupported(detail, media_types)


def _unsupported(detail: str, media_types: Iterable[str]) -> None:
    raise ProblemError(UNSUPPORTED_MEDIA_TYPE, detail, supported=list(media_types))


def _too_large(limit: int) -> ProblemError:
    detail = Message("at most {limit:,} bytes are read here", limit=limit)
    return ProblemError(BODY_TOO_LARGE, detail, limit=limit, headers={"Connection": "close"})
