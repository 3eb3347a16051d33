"""The pictures of the documentation, in both languages, from the demo data: `make screenshots`.

Sets a service up as `make run` does, walks through the tutorial "sign your first change" in a browser, and takes a
picture wherever the tutorial or the README shows one: `docs/images/<language>/<name>.png`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page

from tests.architecture.project import ROOT
from tests.e2e.browser import Person, driven, launched, person

IMAGES = ROOT / "docs" / "images"
LANGUAGES = ("en", "zh")
WIDTH, HEIGHT = 1280, 800
POLICY = "service_levels/response_times"
COMMAND = [sys.executable, "-c", "from policy_service.cli import main; main()"]
EDITS = (
    ("version: 1.1.0", "version: 1.2.0"),
    ("cells: [[standard, PT1H, PT6H]", "cells: [[standard, PT30M, PT4H]"),
    (
        "answer_within: PT1H, solve_within: PT6H}, rule: A-critical",
        "answer_within: PT30M, solve_within: PT4H}, rule: A-critical",
    ),
)
"""What the tutorial's author changes in the policy: each text, and what stands there afterwards."""
TITLE = "A 级客户紧急问题加快 · Tier A, critical: faster"
REASON = "客户满意度调查；30 分钟内响应。 The survey asks for half an hour."


@dataclass
class Demo:
    """A demo service, and browsers of its people in both languages."""

    address: str
    secrets: dict[str, str]
    browser: Browser
    closing: ExitStack
    people: dict[tuple[str, str], Person] = field(default_factory=dict)

    def __call__(self, name: str, lang: str = "en") -> Person:
        if (name, lang) not in self.people:
            result = self.closing.enter_context(person(self.browser, self.address, lang=lang))
            result.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
            result.page.set_default_timeout(300_000)
            result.sign_in(f"demo-{name}", self.secrets[f"demo-{name}"])
            self.people[name, lang] = result
        return self.people[name, lang]

    def shoot(
        self, picture: str, name: str, path: str, at: str | None = None, fill: dict[str, str] | None = None
    ) -> None:
        """Takes a picture of a page in both languages; `at` is scrolled to, `fill` stands in its fields."""
        for lang in LANGUAGES:
            page = self(name, lang).go(path)
            for selector, value in (fill or {}).items():
                page.fill(selector, value)
            page.wait_for_load_state("networkidle")
            take(page, lang, picture, at)


def take(page: Page, lang: str, picture: str, at: str | None = None) -> None:
    """Takes a picture of what is seen now."""
    if at is not None:
        page.locator(at).first.evaluate("node => window.scrollTo(0, node.getBoundingClientRect().top + scrollY - 12)")
    file = IMAGES / lang / f"{picture}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file, animations="disabled")


@contextmanager
def demo() -> Iterator[Demo]:
    """A service set up with its demo accounts, served on a free port, and a browser."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite'}",
            "POLICY_SERVICE_KEYS": str(folder / "keys"),
            "POLICY_SERVICE_CHECKPOINTS": str(folder / "checkpoints"),
            "POLICY_SERVICE_LOG_LEVEL": "error",
        }
        subprocess.run([*COMMAND, "init", "--demo"], env=environment, cwd=ROOT, check=True, capture_output=True)
        lines = (folder / "demo-accounts.txt").read_text("utf-8").splitlines()
        secrets = dict(line.split() for line in lines)
        port = "8765"
        serving = subprocess.Popen([*COMMAND, "serve", "--port", port], env=environment, cwd=ROOT)
        closing.callback(serving.wait)
        closing.callback(serving.terminate)
        address = f"http://127.0.0.1:{port}"
        wait_for(address)
        yield Demo(address, secrets, closing.enter_context(launched(closing.enter_context(driven()))), closing)


def wait_for(address: str) -> None:
    """Until the service answers."""
    for _ in range(1_200):
        try:
            urlopen(f"{address}/readyz").close()  # noqa: S310
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(address)


def run(here: Demo) -> None:
    """The tutorial, with its pictures."""
    here.shoot("policy", "author", f"/policies/{POLICY}/versions/1.1.0")
    here.shoot("try", "author", f"/policies/{POLICY}/try?as_of=2026-11-20&f.tier=A&f.severity=critical")
    change = draft(here)
    here.shoot("editor", "author", f"{change}/draft", at="#text-0 >> xpath=ancestor::section")
    author = here("author").go(change)
    author.click("#submit .actions button")
    here.shoot("home", "sales-director", "/")
    here.shoot("dossier", "sales-director", change)
    here.shoot("cells", "sales-director", change, at="#tables")
    here.shoot(
        "sign", "sales-director", change, at="#sign-panel", fill={"#sign [name=reason]": "可行。 Sound and feasible."}
    )
    for name, meaning in (("sales-director", None), ("compliance", "conforms")):
        page = here(name).go(change)
        if meaning:
            page.select_option("#sign [name=meaning]", meaning)
        page.fill("#sign [name=reason]", "可行。 Sound and feasible.")
        page.fill("#sign [name=password]", here.secrets[f"demo-{name}"])
        page.click("#sign .actions button")
        page.wait_for_load_state("networkidle")
    page = here("author").go(change)
    page.click("#schedule .actions button")
    page.wait_for_load_state("networkidle")
    here.shoot("timeline", "author", f"/policies/{POLICY}")
    decision = decide(here)
    time.sleep(12)  # until the record is sealed and the seal is signed
    here.shoot("decision", "compliance", f"/decisions/{decision}")
    page = here("compliance").go("/audit")
    page.click("#verify-log button")
    page.locator("#work.verdict").wait_for(timeout=300_000)
    verification = page.url.removeprefix(here.address).split("?")[0]
    take(page, "en", "verified")
    here.shoot("log", "compliance", "/audit")
    chinese = here("compliance", "zh").go("/audit")
    chinese.click("#verify-log button")
    chinese.locator("#work.verdict").wait_for(timeout=300_000)
    take(chinese, "zh", "verified")
    assert verification.startswith("/audit/verifications/")


def draft(here: Demo) -> str:
    """Begins the change, edits the text; gives the path."""
    page = here("author").go("/changes/new")
    tomorrow = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=1)  # noqa: TID251  # a picture of today
    page.fill("#new [name=title]", TITLE)
    page.fill("#new [name=reason]", REASON)
    page.fill("#new [name=effective_from]", f"{tomorrow:%Y-%m-%dT00:00}")
    page.select_option("#new [name=start]", POLICY)
    page.click("#new .actions button")
    page.wait_for_url(re.compile("/changes/[^/]+/draft"))
    text = page.input_value("#text-0")
    for before, after in EDITS:
        assert before in text or after in text, before
        text = text.replace(before, after)
    page.fill("#text-0", text)
    page.click("#draft .bar button[value=save]")
    page.wait_for_url(re.compile("done="))
    return "/changes/" + page.url.split("/changes/")[1].split("/")[0]


def decide(here: Demo) -> str:
    """A system asks; gives the identifier of the decision."""
    body = {
        "subject": "C202405001",
        "policies": ["tiering/absolute_value"],
        "facts": {"amount_12m": "800000.00", "recency_days": 45},
        "explain": True,
    }
    headers = {"authorization": f"Bearer {here.secrets['demo-integration']}", "content-type": "application/json"}
    with urlopen(Request(f"{here.address}/v1/decisions", json.dumps(body).encode(), headers)) as answer:  # noqa: S310
        decision: str = json.load(answer)["decision_id"]
    return decision


if __name__ == "__main__":
    with demo() as made:
        run(made)
