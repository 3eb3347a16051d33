"""Put the rules engine into the wheel of the service, so that installing it needs no compiler: `make wheel`.

    python -m tools.platform_wheel SERVICE.whl ENGINE.whl FOLDER

The service's wheel runs anywhere and asks for `durable-rules`, which is published as source only. The wheel that is
written holds the engine's extension module and its licence, does not ask for it any more, and names the Python and the
platform it was built for. Format: the binary distribution format of PyPA (PEP 427), with metadata 2.4.
"""

from __future__ import annotations

import re
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

Files = Mapping[str, bytes]
"""What a wheel holds: the path of each file, and its bytes."""
ENGINE: Final = "durable-rules"
MODULE: Final = re.compile(r"durable_rules_engine\.[\w-]+\.so")
"""The one file of the engine that the service imports."""
METADATA: Final = r"[^/]+\.dist-info/METADATA"
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The date of every file, so that the same input gives the same bytes."""


class UnexpectedWheel(Exception):
    """A wheel that is not made as this expects; the message names what is wrong."""


def main(service: str, engine: str, folder: str) -> None:
    """Write the wheel into `folder`, and print its name. Raises UnexpectedWheel."""
    platform = Path(engine).stem.split("-", 2)[2]
    files = combined(read_wheel(Path(service)), read_wheel(Path(engine)), platform)
    target = Path(folder) / f"{'-'.join(Path(service).stem.split('-')[:2])}-{platform}.whl"
    write_wheel(target, files)
    print(target)  # noqa: T201  # the name is what the command is asked for


def read_wheel(file: Path) -> Files:
    """Return what a wheel holds, without the list of its digests."""
    with ZipFile(file) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith(".dist-info/RECORD")}


def combined(service: Files, engine: Files, platform: str) -> Files:
    """Return the files of the service's wheel with the engine in it. Raises UnexpectedWheel.

    `platform` has the tags of the engine's wheel: `cp311-cp311-linux_x86_64`.
    """
    metadata = only(service, METADATA)
    wheel = only(service, r"[^/]+\.dist-info/WHEEL")
    info = PurePosixPath(metadata).parent
    module = only(engine, MODULE.pattern)
    licence = only(engine, r"[^/]+\.dist-info/licenses/LICENSE")
    return {
        **service,
        metadata: replaced(
            replaced(service[metadata], rf"^Requires-Dist: {ENGINE}==\S+\n", ""),
            r"^License-File: LICENSE$",
            f"License-File: LICENSE\nLicense-File: {ENGINE}/LICENSE",
        ),
        wheel: replaced(
            replaced(service[wheel], r"^Root-Is-Purelib: true$", "Root-Is-Purelib: false"),
            r"^Tag: py3-none-any$",
            f"Tag: {platform}",
        ),
        module: engine[module],
        f"{info}/licenses/{ENGINE}/LICENSE": engine[licence],
    }


def only(files: Files, pattern: str) -> str:
    """Return the path of the one file that `pattern` describes. Raises UnexpectedWheel."""
    results = [name for name in files if re.fullmatch(pattern, name)]
    if len(results) != 1:
        raise UnexpectedWheel(f"expected one file {pattern}, found {results}")
    return results[0]


def replaced(content: bytes, pattern: str, text: str) -> bytes:
    """Return `content` with the one line that `pattern` describes replaced. Raises UnexpectedWheel."""
    result, count = re.subn(pattern, text, content.decode(), flags=re.MULTILINE)
    if count != 1:
        raise UnexpectedWheel(f"expected one line {pattern}, found {count}")
    return result.encode()


def write_wheel(target: Path, files: Files) -> None:
    """Write a wheel with the list of its digests, which stands last."""
    record = f"{PurePosixPath(only(files, METADATA)).parent}/RECORD"
    lines = "".join(f"{line}\n" for line in (*digests(files), f"{record},,"))
    with ZipFile(target, "w", ZIP_DEFLATED) as wheel:
        for name, content in {**files, record: lines.encode()}.items():
            entry = ZipInfo(name, EPOCH)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            wheel.writestr(entry, content)


def digests(files: Files) -> Iterator[str]:
    """Yield the line of every file: path, digest, size in bytes."""
    for name, content in files.items():
        digest = urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
        yield f"{name},sha256={digest},{len(content)}"


if __name__ == "__main__":
    main(*sys.argv[1:])
