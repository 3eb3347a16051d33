"""`/docs`: the OpenAPI document as one page, made here: no scripts, nothing fetched from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.faces import spell_out

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for, as the page shows it."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[dict[str, Any]]
    request: str | None
    answers: list[dict[str, Any]]


def documentation_routes(describe: Callable[[], dict[str, Any]]) -> APIRouter:
    """The page of the document that `describe` gives."""
    router = APIRouter(include_in_schema=False)
    pages = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        """The page."""
        document = describe()
        page = pages.get_template("docs.html").render(info=document["info"], operations=list(operations(document)))
        return HTMLResponse(spell_out(page))

    return router


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Everything that can be asked for, in the order of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield Operation(
                method.upper(),
                path,
                operation.get("summary", ""),
                operation.get("description", ""),
                operation.get("parameters", []),
                _example(operation.get("requestBody", {})),
                [
                    {"status": status, "description": each.get("description", ""), "example": _example(each)}
                    for status, each in operation["responses"].items()
                ],
            )


def _example(body: dict[str, Any]) -> str | None:
    for content in body.get("content", {}).values():
        for example in content.get("examples", {}).values():
            return json.dumps(example["value"], ensure_ascii=False, indent=2)
    return None
