"""The peer over HTTP: zen-engine's decision table behind a plain FastAPI endpoint, as its users write one.

It checks the types of the facts with pydantic, decides, answers, and records nothing. The engine is called
in the endpoint itself: that was faster than `async_evaluate`, and than a `def` endpoint in the thread pool.
"""

import os
from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, create_model

from benchmarks.peers.zen import TABLE_KEY, table_engine
from benchmarks.workload import FACTS, Fact, make_workload

ROWS_VARIABLE = "BENCHMARK_ROWS"


def _field(fact: Fact) -> Any:  # noqa: ANN401 - an annotation, made while running
    match fact.kind:
        case "boolean":
            return (bool, ...)
        case "choice":
            return (Literal[fact.of], ...)
        case "integer":
            return (int, Field(ge=0, le=fact.top))
        case "number" | "money":
            return (float, Field(ge=0, le=fact.top / 100))


Facts = create_model("Facts", __config__=ConfigDict(extra="forbid"), **{fact.name: _field(fact) for fact in FACTS})


class Question(BaseModel):
    """The body of a request: one subject and its twenty facts."""

    subject: str
    facts: Facts


def create_app() -> FastAPI:
    """The service; the environment says how many rows its table has."""
    app = FastAPI()
    evaluate = table_engine(make_workload(int(os.environ[ROWS_VARIABLE])).rows).evaluate

    @app.post("/decisions")
    async def decide(question: Question) -> dict[str, Any]:
        result = evaluate(TABLE_KEY, question.facts.model_dump())["result"]
        return {"subject": question.subject, "outcome": result}

    return app
