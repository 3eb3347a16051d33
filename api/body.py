"""A request's body: of a kind that is read, of a size that is read, measured while it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from api.problems import BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, ProblemError
from policy_service.sentences import Sentence, either


async def read_body(scope: Scope, receive: Receive, *, limit: int, kinds: tuple[str, ...]) -> bytes:
    """The bytes of the body.

    Raises ProblemError when it is not of one of the media types `kinds` or has more than `limit` bytes, of which never
    more than that and one piece of the network's are kept; ClientDisconnect when the caller goes away.
    """
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    check_kind(headers, kinds)
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > limit:
        raise _too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_on(body, receive, limit)
    elif message["type"] == "http.disconnect":
        raise ClientDisconnect
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def _read_on(body: bytes, receive: Receive, limit: int) -> bytes:
    pieces, size, more = [body], len(body), True
    while more and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        more = message.get("more_body", False)
    return b"".join(pieces)


def check_kind(headers: Mapping[bytes, bytes], kinds: Iterable[str]) -> None:
    """Raises ProblemError when the body is not of one of the media types `kinds`, or is packed."""
    given = headers.get(b"content-type", b"").decode("latin-1")
    kind, _, parameters = given.partition(";")
    is_utf8 = "charset" not in parameters.lower() or "utf-8" in parameters.lower()
    if kind.strip().lower() not in kinds or not is_utf8:
        found = f"`{given[:100]}`" if given else Sentence("no Content-Type")
        told = Sentence("found {found}, expected {kinds}, in UTF-8", found=found, kinds=either(kinds))
        _unsupported(told, kinds)
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1")
    if encoding.strip().lower() != "identity":
        told = Sentence("a body packed by `{encoding}` is not unpacked here", encoding=encoding[:100])
        _unsupported(told, kinds)


def _unsupported(detail: str, kinds: Iterable[str]) -> None:
    raise ProblemError(UNSUPPORTED_MEDIA_TYPE, detail, supported=list(kinds))


def _too_large(limit: int) -> ProblemError:
    detail = Sentence("at most {limit:,} bytes are read here", limit=limit)
    return ProblemError(BODY_TOO_LARGE, detail, limit=limit, headers={"Connection": "close"})
