"""The first page of a pack: its purpose, contents and omissions, and how to verify it without the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from policy_service.audit.keys import PublicKey
from policy_service.compilers.prose.table import one_line
from policy_service.packs.archive import Archive
from policy_service.packs.texts import LANGUAGES
from policy_service.packs.times import both_times, zone_of


def write_readme(archive: Archive, head: Mapping[str, Any], key: PublicKey) -> None:
    """Write the page in both languages."""
    environment = Environment(
        loader=PackageLoader("policy_service.packs"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",)),  # this is Markdown; what people wrote goes through `line`
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["line"] = one_line
    environment.filters["times"] = lambda at: both_times(at, zone_of(head["zone"]))
    for lang in LANGUAGES:
        template = environment.get_template(f"readme.{lang}.md")
        archive.add_text(f"README.{lang}.md", template.render(pack=head, key=key.id).rstrip() + "\n")
