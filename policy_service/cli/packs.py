"""`policy-service audit pack` and `verify-pack`: makes an audit pack, and says whether one is what was signed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from policy_service.actor import SERVICE
from policy_service.audit.keys import NoKey, read_public_key
from policy_service.audit.service import signer
from policy_service.cli.output import say, say_json
from policy_service.cli.status import FINE, FOUND_FAULT, UsageFault
from policy_service.cli.storage import opened_current
from policy_service.clock import DEFAULT_ZONE, SystemClock
from policy_service.decisions.master_keys import KeyFileFault, MasterKeys
from policy_service.decisions.subjects import Secrets
from policy_service.packs.entries import NotSigned
from policy_service.packs.making import Maker, Tick, make_pack
from policy_service.packs.scope import Scope, ScopeRefused
from policy_service.packs.verifying import NotAPack, PackVerdict, verify_pack
from policy_service.places import database_url, keys_folder
from policy_service.subject import InvalidSubject, Subject

_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class About:
    """What a pack is asked to be about, as typed."""

    policy: str | None
    subject: str | None
    kind: str
    since: str | None
    until: str | None
    sample: int


def run_pack(file: Path, about: About) -> int:
    """Makes a pack in a file that only its owner can read; gives the exit status. Raises UsageFault."""
    if file.exists():
        raise UsageFault(f"{file} is there already, and a pack is never written over")
    try:
        since, until = _midnight(about.since, 0), _midnight(about.until, 1)
        subject = None if about.subject is None else Subject(about.subject, about.kind)
        manifest = _make(file, Scope(about.policy, subject, since, until, about.sample))
    except (ScopeRefused, InvalidSubject, NoKey, KeyFileFault, NotSigned) as error:
        raise UsageFault(str(error)) from None
    except OSError as error:
        raise UsageFault(f"{error.filename}: {error.strerror}") from None
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in manifest["counts"].items() if number)
    say(f"the pack in {file} holds {counts or 'nothing'}")
    for each in manifest["left_out"]:
        say(f"left out: {each['en']}")
    return FINE


def run_verify_pack(file: Path, key: Path, *, as_json: bool) -> int:
    """Verifies a pack; gives the exit status. Raises UsageFault."""
    try:
        with _progress("verifying", "files") as tick:
            verdict = verify_pack(file, [read_public_key(key)], tick)
    except NoKey as error:
        raise UsageFault(str(error)) from None
    except NotAPack as error:
        raise UsageFault(f"{file} is no audit pack: {error}") from None
    if as_json:
        say_json(verdict.to_dict())
    else:
        _tell(verdict, file)
    return FINE if verdict.is_fine else FOUND_FAULT


def _make(file: Path, scope: Scope) -> dict[str, Any]:
    """Writes beside the file first, so that it is there whole or not at all."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    folder = keys_folder(os.environ)
    with opened_current(database_url(os.environ)) as database, database.read() as session:
        secrets = Secrets(MasterKeys(folder))
        maker = Maker(secrets, signer(session, folder), SERVICE.printed_name, SystemClock().now())
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY))
        try:
            with _progress("packing", "parts") as tick:
                manifest = make_pack(session, maker, scope, unfinished, tick)
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
    return manifest


def _midnight(day: str | None, later: int) -> datetime | None:
    """The instant at which a day begins, or the one so many days later. Raises UsageFault."""
    if day is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=later), time(), ZoneInfo(DEFAULT_ZONE))
    except (ValueError, OverflowError):
        raise UsageFault(f"`{day}` is no day: expected one such as 2026-11-21") from None


def _tell(verdict: PackVerdict, file: Path) -> None:
    if verdict.faults:
        say(f"the pack in {file} is not what was signed:")
        for fault in verdict.faults:
            say(f"  {fault}")
        return
    counts: dict[str, Any] = verdict.manifest["counts"]
    told = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("versions", "signatures", "decisions", "entries"))
    say(f"the pack in {file} is fine: {verdict.files} files, {told}")
    say(f"made at {verdict.manifest['made_at']} from a log of {verdict.manifest['log']['size']} entries")
    replayed = [f"{number} {name.removeprefix('replayed_')}" for name, number in counts.items() if "replayed" in name]
    if replayed:
        say(f"replayed when it was made: {', '.join(replayed)}")
    for each in verdict.manifest["left_out"]:
        say(f"left out: {each['en']}")


@contextmanager
def _progress(what: str, unit: str) -> Iterator[Tick]:
    """Shows on a terminal how far it is."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
