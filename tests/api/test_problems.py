"""Every error is a problem detail that is documented, counted, and says nothing it should not."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import get_args

import pytest

import policy_service
from api.web.problems import PROBLEMS
from policy_service.decisions import decider as deciding
from policy_service.errors import ErrorKind, PolicyServiceError
from tests.api.client import CUSTOMER, ask, assert_next_decision_is_right, assert_problem, decide, opened
from tests.architecture.project import ROOT

REFERENCE = (ROOT / "docs" / "reference" / "http.md").read_text("utf-8")


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_is_documented_and_its_type_leads_to_its_meaning(name: str) -> None:
    kind = PROBLEMS[name]
    assert f"### {name}\n**{kind.status} {kind.title}.** " in REFERENCE
    answer = ask("GET", PROBLEMS[name].address)
    assert answer.json() == {
        "type": f"/problems/{name}",
        "title": kind.title,
        "status": kind.status,
        "meaning": kind.meaning,
    }
    assert answer.json() in ask("GET", "/problems").json()["items"]


def test_the_reference_documents_no_problem_that_does_not_exist() -> None:
    problems = REFERENCE.partition("## Problems")[2].partition("\n## ")[0]
    assert {line[4:] for line in problems.splitlines() if line.startswith("### ")} == set(PROBLEMS)


def subclasses(base: type[PolicyServiceError]) -> Iterator[type[PolicyServiceError]]:
    """The classes below a class."""
    for each in base.__subclasses__():
        yield each
        yield from subclasses(each)


def test_every_exception_of_the_library_names_a_problem_type_and_every_kind_is_used() -> None:
    for module in walk_packages(policy_service.__path__, "policy_service."):
        if not module.name.startswith("policy_service.migrations.") and not module.name.endswith(".sample"):
            import_module(module.name)
    kinds = {each.kind for each in subclasses(PolicyServiceError) if hasattr(each, "kind")}
    assert kinds == set(get_args(ErrorKind))
    assert kinds <= set(PROBLEMS)


def test_problem_types_are_made_in_one_module_so_each_has_its_address() -> None:
    makers = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "api").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ProblemType"
    }
    assert makers == {"api/web/problems.py"}


def test_an_unknown_problem_is_not_found() -> None:
    problem = assert_problem(ask("GET", "/problems/fact-refused"), 404, "not-found")
    assert problem["hint"] == "did you mean `facts-refused`?"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1", "/v1/decision", "/v1/decisions/", "/v1/policies/", "/v1/policies/tiering", "/%00"]
)
def test_an_address_nobody_serves_is_not_found(path: str) -> None:
    assert_problem(ask("GET", path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/session/password", "POST"),
        ("DELETE", "/v1/decisions", "POST, GET"),
        ("POST", "/v1/policies", "GET"),
        ("PUT", "/healthz", "GET"),
    ],
)
def test_another_method_is_refused_and_the_right_one_is_told(method: str, path: str, allowed: str) -> None:
    response = ask(method, path)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == allowed


def break_decider(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every decider fail, with a customer's figure in the error's message."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such amount: 800000.00")

    monkeypatch.setattr(deciding.Decider, "decide", fail)


def test_an_unforeseen_error_is_told_without_its_cause(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(engine="python", log_level="info") as app:
        break_decider(monkeypatch)
        response = decide(app=app)
        problem = assert_problem(response, 500, "internal-error")
        assert "amount" not in response.text
        assert "RuntimeError" not in response.text
        assert response.headers["x-content-type-options"] == "nosniff"
        log = capsys.readouterr().err
        assert problem["instance"] in log
        assert "RuntimeError" in log
        assert "800000" not in log
        monkeypatch.undo()
        assert decide(app=app).status_code == 200


def test_what_is_refused_is_logged_without_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    with opened(engine="python", log_level="info") as app:
        decide(app=app, facts={**CUSTOMER, "industry": "a secret trade"}, subject="C202405001")
        log = capsys.readouterr().err
        assert "facts-refused" in log
        assert "secret" not in log
        assert "C202405001" not in log


def test_problems_are_counted() -> None:
    def count() -> float:
        lines = ask("GET", "/metrics").text.splitlines()
        return sum(
            float(line.split()[1]) for line in lines if line.startswith('policy_service_problems_total{type="facts-')
        )

    before = count()
    decide(facts={"x": 1})
    assert count() == before + 1
    assert_next_decision_is_right()
