"""The text of a policy file, valid or not: for editing in a browser, with its declared name and version.

A browser shows text, not bytes, and sends every line end as CR LF. So a text returned unedited becomes the original
bytes; an edited one gets their line ends.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from contextlib import suppress

from policy_service.canonical import digest
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import POLICY_ID, VERSION, version_key
from policy_service.language.policy import Bilingual
from policy_service.language.source import Scalar, find_node, read_source

LINE_END = re.compile("\r\n|\r")
POLICY_LINE = re.compile(rf"(?m)^\ufeff?policy:[ \t]*({POLICY_ID.pattern})[ \t]*(?:#.*)?$")
VERSION_LINE = re.compile(rf"(?m)^\ufeff?version:[ \t]*({VERSION.pattern})[ \t]*(?:#.*)?$")
FIRST_VERSION = "1.0.0"
SAMPLE = """\
policy: domain/name
version: 1.0.0
title: {zh: 规则名称, en: name of the policy}
source: []
subject: customer
facts:
  orders: {type: integer, min: 0, title: {zh: 订单数, en: orders}}
outcome:
  size: {type: choice, of: [large, small], title: {zh: 规模, en: size}}
table:
  hit: FIRST
  inputs: [orders]
  rows:
    - {id: large, when: [">= 10"], then: [large], because: {zh: 订单多, en: many orders}}
    - {id: small, when: ["-"], then: [small], because: {zh: 其余客户, en: everybody else}}
examples:
  - {name: ten orders, facts: {orders: 10}, outcome: {size: large}, rule: large}
  - {name: nine orders, facts: {orders: 9}, outcome: {size: small}, rule: small}
invariants:
  - {id: total, says: {zh: 每个客户都有规模, en: every customer has a size}}
""".encode()
"""A template for a new policy file."""


def browser_text(content: bytes) -> str:
    """Return the text of a file for a browser: invalid UTF-8 as replacement characters, line ends as LF."""
    return LINE_END.sub("\n", content.decode("utf-8", "replace")).replace("\0", "\N{REPLACEMENT CHARACTER}")


def file_bytes(text: str, before: bytes | None) -> bytes:
    """Return the bytes of an edited text; `before` are the original bytes, None for a new file."""
    if before is None:
        return text.encode()
    if text == browser_text(before):
        return before
    crlf_count = before.count(b"\r\n")
    return text.replace("\n", "\r\n").encode() if crlf_count and crlf_count == before.count(b"\n") else text.encode()


def declared_version(text: str) -> tuple[str | None, str | None]:
    """Return the policy and the version that a text declares; None for what no line of it declares.

    >>> declared_version("policy: tiering/size")
    ('tiering/size', None)
    """
    policy, version = POLICY_LINE.search(text), VERSION_LINE.search(text)
    return policy[1] if policy else None, version[1] if version else None


def label(text: str) -> str:
    """Return the label of a file: its policy and version, as far as declared."""
    return " ".join(part for part in declared_version(text) if part)


def file_name(content: bytes) -> str:
    """Return a name for the file: its policy and version, or its digest."""
    policy, version = declared_version(browser_text(content))
    if policy is None:
        return f"{digest(content).removeprefix('sha256:')[:12]}.yaml"
    return f"{policy.replace('/', '.')}-{version or 'draft'}.yaml"


def with_version(content: bytes, version: str) -> bytes:
    """Return the file with another version number; unchanged if the number cannot be found."""
    with suppress(PolicyError, UnicodeDecodeError):
        root, _ = read_source("policy.yaml", content)
        node = find_node(root, ("version",))
        if isinstance(node, Scalar) and node.text is not None and node.exact:
            mark = BOM_UTF8 if content.startswith(BOM_UTF8) else b""
            lines = content.removeprefix(mark).decode().splitlines(keepends=True)
            line, column = lines[node.start.line - 1], node.start.column - 1
            lines[node.start.line - 1] = line[:column] + version + line[column + len(node.text) :]
            return mark + "".join(lines).encode()
    return content


MAX_TITLED = 256 * 1_024
"""Maximum size of a file parsed for its title, characters; larger ones are labelled by policy."""


def title_of(text: str) -> Bilingual:
    """Return the title of a policy file, valid or not; without one, its policy, or the word draft."""
    policy, _ = declared_version(text)
    with suppress(PolicyError):
        if len(text) <= MAX_TITLED:
            root, _ = read_source("policy.yaml", text.encode())
            zh, en = (find_node(root, ("title", lang)) for lang in ("zh", "en"))
            if isinstance(zh, Scalar) and isinstance(en, Scalar) and zh.text and en.text:
                return Bilingual(zh.text, en.text)
    return Bilingual(policy or "草稿", policy or "draft")


def next_version(numbers: list[str]) -> str:
    """Return the number after the highest: the middle place raised, because a change of rules is more than a fix.

    >>> next_version(["1.2.3", "1.10.0"])
    '1.11.0'
    """
    if not numbers:
        return FIRST_VERSION
    major, minor, _ = version_key(max(numbers, key=version_key))
    return f"{major}.{minor + 1}.0"


def merge_uploads(texts: Mapping[str, bytes], uploads: tuple[bytes, ...]) -> list[bytes]:
    """Return the files of a draft after an upload: each uploaded file replaces the one of its policy, or is added.

    `texts` are the draft's files, by key.
    """
    files = dict(texts)
    for number, upload in enumerate(uploads):
        policy, _ = declared_version(browser_text(upload))
        replaced = next(
            (key for key, text in files.items() if policy and declared_version(browser_text(text))[0] == policy), None
        )
        files[replaced if replaced is not None else f"upload-{number}"] = upload
    return list(files.values())
