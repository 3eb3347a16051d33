"""`/static/{name}`: style sheets, scripts and the typeface, each under one name; nothing is fetched from elsewhere.

Every process holds them in memory: 4.8 MB, nearly all of it the typeface. What only the PDF engine reads is not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from api.faces import FOLDER as FACES
from api.web.problems import NOT_FOUND, ProblemError

if TYPE_CHECKING:
    from api.kit.context import PageContext

FOLDER = Path(__file__).parent.parent / "static"
KINDS: Final[Mapping[str, str]] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_CONTENTS: Final = {
    file.name: file.read_bytes() for file in sorted((*FOLDER.iterdir(), *FACES.glob("*.woff2"))) if file.suffix in KINDS
}
VERSION: Final = sha256(b"".join(_CONTENTS.values())).hexdigest()[:12]
"""Part of every link to these files, so that a browser may cache them for ever."""
_FACE = re.compile(rb'url\("([\w.-]+)"\)')
FILES: Final[Mapping[str, tuple[bytes, str]]] = {
    name: (_FACE.sub(rb'url("\1?v=' + VERSION.encode() + rb'")', content), KINDS[".css"])
    if name.endswith(".css")
    else (content, KINDS[Path(name).suffix])
    for name, content in _CONTENTS.items()
}
"""Every file and its media type; style sheets refer to the typeface with the version, like pages."""
IMMUTABLE = "public, max-age=31536000, immutable"


async def send_file(context: PageContext, name: str) -> Response:
    """Send one file."""
    if (file := FILES.get(name)) is None:
        raise ProblemError(NOT_FOUND, "no such address")
    content, kind = file
    cache_control = IMMUTABLE if context.params.get("v") == VERSION else "no-cache"
    return Response(content, headers={"cache-control": cache_control}, media_type=kind)
