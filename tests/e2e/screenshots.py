"""The pictures of the documentation, in both languages, from the demo data: `make screenshots`.

Sets a service up as `make run` does, walks through the tutorial "sign your first change" in a browser, and takes a
picture wherever the tutorial or the README shows one: `docs/images/<language>/<name>.png`. `make screenshots N="home
sign"` walks the same way and takes these pictures alone.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
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
BAR = 60
"""Pixels that a bar may take at the top of the screen."""
PATIENCE = 600_000
"""Milliseconds that anything may take: a machine that is busy makes the same pictures, later."""
REASON = "客户满意度调查；30 分钟内响应。 The survey asks for half an hour."


@dataclass
class Demo:
    """A demo service, and browsers of its people in both languages."""

    address: str
    secrets: dict[str, str]
    browser: Browser
    closing: ExitStack
    pictures: Collection[str] = ()
    """Those to take; all when there are none."""
    people: dict[tuple[str, str], Person] = field(default_factory=dict)

    def __call__(self, name: str, lang: str = "en") -> Person:
        if (name, lang) not in self.people:
            result = self.closing.enter_context(person(self.browser, self.address, lang=lang))
            result.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
            result.page.set_default_timeout(PATIENCE)
            result.sign_in(f"demo-{name}", self.secrets[f"demo-{name}"])
            self.people[name, lang] = result
        return self.people[name, lang]

    def shoot(
        self, picture: str, name: str, path: str, at: str | None = None, fill: dict[str, str] | None = None
    ) -> None:
        """Takes a picture of a page in both languages; `at` is scrolled to, `fill` stands in its fields."""
        for lang in LANGUAGES if self.is_wanted(picture) else ():
            page = self(name, lang).go(path)
            for selector, value in (fill or {}).items():
                page.fill(selector, value)
            page.wait_for_load_state("networkidle")
            self.take(page, lang, picture, at)

    def take(self, page: Page, lang: str, picture: str, at: str | None = None) -> None:
        """Takes a picture of what is seen now."""
        if not self.is_wanted(picture):
            return
        if at is not None:
            page.locator(at).first.evaluate(f"node => scrollBy(0, node.getBoundingClientRect().top - {BAR})")
        file = IMAGES / lang / f"{picture}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=file, animations="disabled")
        print(file.relative_to(ROOT), flush=True)  # noqa: T201  # which of them are there by now

    def is_wanted(self, picture: str) -> bool:
        """Whether the picture is to be taken."""
        return not self.pictures or picture in self.pictures


def send(page: Page, button: str) -> None:
    """Presses a button, and waits for the page that says that it is done. Raises AssertionError for another one."""
    with page.expect_navigation():
        page.click(button)
    assert "done=" in page.url, page.inner_text("main")


@contextmanager
def demo(pictures: Collection[str]) -> Iterator[Demo]:
    """A service set up with its demo accounts, served on a free port, and a browser."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite'}",
            "POLICY_SERVICE_KEYS": str(folder / "keys"),
            "POLICY_SERVICE_CHECKPOINTS": str(folder / "checkpoints"),
            "POLICY_SERVICE_LOG_LEVEL": "error",
            "POLICY_SERVICE_POLICY_CHECK_SECONDS": str(PATIENCE // 1_000),
        }
        subprocess.run([*COMMAND, "init", "--demo"], env=environment, cwd=ROOT, check=True, capture_output=True)
        lines = (folder / "demo-accounts.txt").read_text("utf-8").splitlines()
        secrets = dict(line.split() for line in lines)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        serving = subprocess.Popen([*COMMAND, "serve", "--port", port], env=environment, cwd=ROOT)
        closing.callback(serving.wait)
        closing.callback(serving.terminate)
        address = f"http://127.0.0.1:{port}"
        wait_for(address)
        browser = closing.enter_context(launched(closing.enter_context(driven())))
        yield Demo(address, secrets, browser, closing, pictures)


def wait_for(address: str) -> None:
    """Until the service answers."""
    for _ in range(PATIENCE // 100):
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
    send(here("author").go(change), "#submit .actions button")
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
        send(page, "#sign .actions button >> nth=0")
    send(here("author").go(change), "#schedule .actions button")
    here.shoot("timeline", "author", f"/policies/{POLICY}", at="#time")
    decision = decide(here)
    page = here("compliance").go(decision)
    while not page.get_by_text("proved to be in the log").count():  # once the seal of its records is signed
        time.sleep(1)
        page.reload()
    here.shoot("decision", "compliance", decision)
    here.shoot("log", "compliance", "/audit")
    for lang in LANGUAGES if here.is_wanted("verified") else ():
        page = here("compliance", lang).go("/audit")
        page.click("#verify-log button")
        page.locator("#work.verdict").wait_for()
        here.take(page, lang, "verified")


def draft(here: Demo) -> str:
    """Begins the change, edits the text; gives the path."""
    page = here("author").go("/changes/new")
    tomorrow = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=1)  # noqa: TID251  # a picture of today
    page.fill("#new [name=title]", TITLE)
    page.fill("#new [name=reason]", REASON)
    page.fill("#new [name=effective_from]", f"{tomorrow:%Y-%m-%dT00:00}")
    page.select_option("#new [name=start]", POLICY)
    send(page, "#new .actions button")
    text = page.input_value("#text-0")
    for before, after in EDITS:
        assert before in text or after in text, before
        text = text.replace(before, after)
    page.fill("#text-0", text)
    send(page, "#draft .bar button[value=save]")
    return "/changes/" + page.url.split("/changes/")[1].split("/")[0]


def decide(here: Demo) -> str:
    """A system asks; gives the path of the decision."""
    body = {
        "subject": "C202405001",
        "policies": ["tiering/absolute_value"],
        "facts": {"amount_12m": "800000.00", "recency_days": 45},
        "explain": True,
    }
    headers = {"authorization": f"Bearer {here.secrets['demo-integration']}", "content-type": "application/json"}
    with urlopen(Request(f"{here.address}/v1/decisions", json.dumps(body).encode(), headers)) as answer:  # noqa: S310
        decision: str = json.load(answer)["decision_id"]
    return f"/decisions/{decision}"


if __name__ == "__main__":
    with demo(sys.argv[1:]) as made:
        run(made)
