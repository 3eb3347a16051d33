"""A company with all that a pack can hold, and packs of it."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policy_service.actor import SERVICE, Actor, Role
from policy_service.audit.keys import PublicKey
from policy_service.audit.service import current_signer
from policy_service.decisions.request import DecisionRequest
from policy_service.identity.service import attest, change_roles
from policy_service.packs.archive import Archive
from policy_service.packs.builder import MANIFEST, SIGNATURE, PackContext, make_pack
from policy_service.packs.scope import Scope
from tests.api.client import SECRET
from tests.api.company import Company, later
from tests.approval.world import BONUS, TIER, tier
from tests.hidden import written_before

CRM = Actor("id-crm", "crm", "crm", frozenset({Role.INTEGRATION}), "machine")
HOSTILE = '=cmd()|" \u202e<script>alert(1)</script>'


@dataclass(frozen=True)
class Pack:
    """A pack that was made."""

    file: Path
    manifest: dict[str, Any]
    key: PublicKey

    def names(self) -> list[str]:
        with zipfile.ZipFile(self.file) as opened:
            return opened.namelist()

    def read(self, name: str) -> bytes:
        with zipfile.ZipFile(self.file) as opened:
            return opened.read(name)

    def json(self, name: str) -> Any:  # noqa: ANN401
        return json.loads(self.read(name))

    def lines(self, name: str) -> list[Any]:
        return [json.loads(line) for line in self.read(name).splitlines()]

    def tampered(self, to: Path, name: str, change: Callable[[bytes], bytes] | None) -> Path:
        """The same pack with one file changed, or left out when `change` is None; nothing else is different."""
        with zipfile.ZipFile(self.file) as before, zipfile.ZipFile(to, "w") as after:
            for each in before.namelist():
                content = before.read(each)
                if each != name:
                    after.writestr(each, content)
                elif change is not None:
                    after.writestr(each, change(content))
        return to

    def relisted(self, to: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
        """The same pack with one file changed by somebody who mends the list too, and has no key to sign it with."""
        with zipfile.ZipFile(self.file) as before, Archive(to) as after:
            manifest = json.loads(before.read(MANIFEST))
            for each in manifest["files"]:
                after.add(each, change(before.read(each)) if each == name else before.read(each))
            after.add_unlisted(MANIFEST, json.dumps({**manifest, "files": after.files}).encode())
            after.add_unlisted(SIGNATURE, before.read(SIGNATURE))
        return to


def secret(version: str, limit: int) -> bytes:
    """A version of the tiering policy whose fact is sensitive."""
    return tier(version, limit).replace(
        b"{type: integer, min: 0, max: 1000000,", b"{type: integer, min: 0, sensitive: true,"
    )


def fill(here: Company) -> None:
    """Two more versions of a policy, decisions by each, an exception, a suspension; everything sealed and signed."""
    for number in range(6):
        decided(here, f"C{number}", orders=100 + number)
    here.in_force(tier("1.1.0", 90))
    decided(here, "C1", orders=95)
    decided(here, HOSTILE, orders=5)
    here.in_force(secret("1.2.0", 80))
    decided(here, "C1", orders=770_077)
    body = {"subject": HOSTILE, "policy": TIER, "outcome": {"size": "small"}, "role": "sales_director"}
    signed = {**body, "reason": HOSTILE, "until": later(here, 30)["from"], "password": SECRET}
    with written_before():
        here.did("POST", "/v1/overrides", "sales", signed)
    here.did(
        "POST",
        "/v1/suspensions",
        "sales",
        {"policy": TIER, "version": "1.2.0", "role": "sales_director", "reason": "wrong", "password": SECRET},
    )
    here.app.service.sealer.seal_all()


def fill_further(here: Company) -> None:
    """Ratifies the suspension and ends it; and an exception that was signed by another person and ended."""
    here.clock.move(minutes=5)
    [suspension] = here.did("GET", "/v1/suspensions", "sales")["items"]
    signed = {"role": "compliance", "reason": "seen", "password": SECRET}
    here.did("POST", f"/v1/suspensions/{suspension['id']}/ratify", "compliance", signed)
    here.clock.move(minutes=5)
    here.did("POST", f"/v1/suspensions/{suspension['id']}/end", "sales", {**signed, "role": "sales_director"})
    body = {"subject": "C1", "policy": TIER, "outcome": {"size": "small"}, "role": "sales_director"}
    payload = {**body, "reason": "moved", "until": later(here, 30)["from"], "password": SECRET}
    override = here.did("POST", "/v1/overrides", "sales", payload)
    here.clock.move(minutes=5)
    signing = {"role": "compliance", "digest": override["digest"], "reason": "agreed", "password": SECRET}
    here.did("POST", f"/v1/overrides/{override['override']}/sign-offs", "compliance", signing)
    here.clock.move(minutes=5)
    ending = {"role": "sales_director", "reason": "over", "password": SECRET}
    here.did("POST", f"/v1/overrides/{override['override']}/end", "sales", ending)
    signed_instead(here, "C1")
    decided(here, "C1", orders=3)
    here.app.service.sealer.seal_all()


def fill_all(here: Company) -> None:
    """What `fill` and then `fill_further` do."""
    fill(here)
    fill_further(here)


def signed_instead(here: Company, subject: str) -> None:
    """An exception with a second signature in a role: whoever gave the first has lost the role for a while."""
    body = {"subject": subject, "policy": BONUS, "outcome": {"bonus": 5}, "role": "sales_director"}
    payload = {**body, "reason": "moved", "until": later(here, 30)["from"], "password": SECRET}
    override = here.did("POST", "/v1/overrides", "sales", payload)
    where = f"/v1/overrides/{override['override']}/sign-offs"
    signing = {"role": "compliance", "digest": override["digest"], "reason": "agreed", "password": SECRET}
    here.clock.move(minutes=5)
    here.did("POST", where, "compliance", signing)
    compliance = here.people["compliance"].id
    with here.database.write(here.clock) as transaction:
        change_roles(transaction, SERVICE, compliance, [Role.AUTHOR])
    here.clock.move(minutes=5)
    here.did("POST", where, "both", signing)
    with here.database.write(here.clock) as transaction:
        change_roles(transaction, SERVICE, compliance, [Role.COMPLIANCE])
        attest(transaction, SERVICE, compliance)
    here.clock.move(minutes=5)


def decided(here: Company, subject: str, **facts: object) -> str:
    """The identifier of a decision."""
    answer = here.app.service.decisions.decide_in_thread(DecisionRequest(subject, facts, (BONUS,)), CRM)
    body: str = json.loads(answer.body)["decision_id"]
    return body


def packed(here: Company, file: Path, scope: Scope) -> Pack:
    """A pack of the company."""
    service = here.app.service
    with here.database.read() as session:
        signing = current_signer(session, service.settings.keys)
        maker = PackContext(service.fact_cipher, signing, "Compliance", here.clock.at, service.zone)
        manifest = make_pack(session, maker, scope, file, lambda _done, _of: None)
    return Pack(file, manifest, signing.public)


def copied(pack: Pack, to: Path) -> Path:
    """The same file elsewhere."""
    return Path(shutil.copyfile(pack.file, to))
