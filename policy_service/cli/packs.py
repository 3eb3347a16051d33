"""`policy-service audit pack` and `verify-pack`: builds and verifies audit packs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from policy_service.actor import SERVICE
from policy_service.audit.keys import KeyUnavailable, read_public_key
from policy_service.audit.service import current_signer
from policy_service.cli.decide import read_day
from policy_service.cli.output import print_json, print_line
from policy_service.cli.progress import progress_bars
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.cli.storage import configured_keys, open_current_database
from policy_service.clock import DEFAULT_ZONE, SystemClock, midnight
from policy_service.decisions.master_keys import KeyFileError, MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.language.diagnostics import did_you_mean
from policy_service.packs.builder import PackContext, PackProgress, make_pack
from policy_service.packs.entries import LogNotSigned
from policy_service.packs.scope import InvalidScope, Scope
from policy_service.packs.verification import InvalidPack, PackVerdict, verify_pack
from policy_service.registry.service import policy_names
from policy_service.subject import InvalidSubject, Subject

_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class PackArguments:
    """The scope of a pack, as typed."""

    policy: str | None
    subject: str | None
    kind: str
    since: str | None
    until: str | None
    sample: int


def run_pack(file: Path, arguments: PackArguments) -> int:
    """Build a pack in a private file; return the exit status. Raises UsageError."""
    if file.exists():
        raise UsageError(f"{file} is there already, and a pack is never written over")
    try:
        since, until = _midnight("--from", arguments.since, 0), _midnight("--until", arguments.until, 1)
        subject = None if arguments.subject is None else Subject(arguments.subject, arguments.kind)
        manifest = _make(file, Scope(arguments.policy, subject, since, until, arguments.sample))
    except (InvalidScope, InvalidSubject, KeyUnavailable, KeyFileError, LogNotSigned) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in manifest["counts"].items() if number)
    print_line(f"the pack in {file} holds {counts or 'nothing'}")
    for each in manifest["left_out"]:
        print_line(f"left out: {each['en']}")
    return EXIT_OK


def run_verify_pack(file: Path, key: Path, *, as_json: bool) -> int:
    """Verify a pack; return the exit status. Raises UsageError."""
    try:
        with _progress("verifying", "files") as on_progress:
            verdict = verify_pack(file, [read_public_key(key)], on_progress)
    except KeyUnavailable as error:
        raise UsageError(str(error)) from None
    except InvalidPack as error:
        raise UsageError(f"{file} is no audit pack: {error}") from None
    if as_json:
        print_json(verdict.to_dict())
    else:
        _print_verdict(verdict, file)
    return EXIT_OK if verdict.is_fine else EXIT_FAULT


def _make(file: Path, scope: Scope) -> dict[str, Any]:
    """Build a pack under a temporary name, and rename it once complete."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    folder = configured_keys()
    with open_current_database() as database, database.read() as session:
        if scope.policy is not None and scope.policy not in (names := policy_names(session)):
            hint = did_you_mean(scope.policy, names)
            raise UsageError(f"no policy `{scope.policy}`{f', {hint}' if hint else ''}")
        fact_cipher = FactCipher(MasterKeys(folder))
        signer, now = current_signer(session, folder), SystemClock().now()
        context = PackContext(fact_cipher, signer, SERVICE.printed_name, now, ZoneInfo(DEFAULT_ZONE))
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY))
        try:
            with _progress("packing", "parts") as on_progress:
                manifest = make_pack(session, context, scope, unfinished, on_progress)
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
    return manifest


def _midnight(option: str, day: str | None, later: int) -> datetime | None:
    """Return the beginning of a day, or of one some days later. Raises UsageError."""
    return None if day is None else midnight(read_day(day, option) + timedelta(days=later), ZoneInfo(DEFAULT_ZONE))


def _print_verdict(verdict: PackVerdict, file: Path) -> None:
    if verdict.faults:
        print_line(f"the pack in {file} is not what was signed:")
        for fault in verdict.faults:
            print_line(f"  {fault}")
        return
    counts: dict[str, Any] = verdict.manifest["counts"]
    summary = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("versions", "signatures", "decisions", "entries"))
    print_line(f"the pack in {file} is fine: {verdict.files} files, {summary}")
    print_line(f"made at {verdict.manifest['made_at']} from a log of {verdict.manifest['log']['size']} entries")
    replays = [f"{number} {name.removeprefix('replayed_')}" for name, number in counts.items() if "replayed" in name]
    if replays:
        print_line(f"replayed when it was made: {', '.join(replays)}")
    for each in verdict.manifest["left_out"]:
        print_line(f"left out: {each['en']}")


@contextmanager
def _progress(label: str, unit: str) -> Iterator[PackProgress]:
    """Show progress on a terminal."""
    with progress_bars(label, unit) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
