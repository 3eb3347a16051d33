"""Make the files of the typeface from their sources, each with the bytes that are expected: `make faces`.

Sources: the static fonts of two npm packages (SIL Open Font License 1.1), and Debian's `unicode-data` for the Table of
General Standard Chinese Characters. Their versions are pinned here, fontTools and brotli in `constraints.txt`; so the
files can be made again, byte for byte. Needs `npm`, `apt-get` and `dpkg-deb`. The service itself never runs this.

To change what the typeface holds: change a table below, run it, write the digests it reports into `SHA256SUMS`, run it
again.
"""

from __future__ import annotations

import bz2
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from fontTools import subset
from fontTools.ttLib import TTFont

from api.faces import CHARACTERS, FOLDER


@dataclass(frozen=True, slots=True)
class Source:
    """A package of fonts: its name and version for npm, the digest of its archive, where its licence goes."""

    package: str
    sha256: str
    licence: str


SANS: Final = Source(
    "@expo-google-fonts/noto-sans-sc@0.4.3",
    "0d69d0f4971d2ff574e3d93cbc218dc950bf3f3f8f8e2c008d97687ed53aee59",
    "noto-sans-sc.OFL.txt",
)
LATIN: Final = Source(
    "@expo-google-fonts/noto-sans@0.4.2",
    "98cf14a19b8e67a0e76bfd4d5df98937b9734e6dde570bd750f2259042042548",
    "noto-sans.OFL.txt",
)
MONO: Final = Source(
    "@expo-google-fonts/noto-sans-mono@0.4.2",
    "fc1ae36c3c68e50fa7c12a37e987d7fa1325d280969912d181548ff8f1ce2e2b",
    "noto-sans-mono.OFL.txt",
)
UNICODE_DATA: Final = ("unicode-data", "5efef23bbb1c6a133ecbdd63a2cfa07159ccacf5466a49e2426101c5ecd691fc")
"""The Debian package, version 15.0.0-1, and the digest of its file."""
STANDARD_CHARACTERS = 8105
"""How many characters the Table of General Standard Chinese Characters has (通用规范汉字表, 2013)."""


FONTS: Final[Mapping[str, tuple[Source, str]]] = {
    "sans-400": (SANS, "400Regular/NotoSansSC_400Regular.ttf"),
    "sans-700": (SANS, "700Bold/NotoSansSC_700Bold.ttf"),
    "latin-400": (LATIN, "400Regular/NotoSans_400Regular.ttf"),
    "latin-700": (LATIN, "700Bold/NotoSans_700Bold.ttf"),
    "mono-400": (MONO, "400Regular/NotoSansMono_400Regular.ttf"),
}
"""Each font: its source, and the file there."""
FILES: Final[Mapping[str, tuple[str, str]]] = {
    "sans-400.woff2": ("sans-400", "core"),
    "sans-700.woff2": ("sans-700", "core"),
    "sans-rare-400.woff2": ("sans-400", "rare"),
    "latin-400.woff2": ("latin-400", "western"),
    "latin-700.woff2": ("latin-700", "western"),
    "signs-400.woff2": ("latin-400", "signs"),
    "signs-700.woff2": ("latin-700", "signs"),
    "mono-400.woff2": ("mono-400", "western"),
    "sans-400.ttf": ("sans-400", "all"),
    "sans-700.ttf": ("sans-700", "all"),
    "latin-400.ttf": ("latin-400", "western"),
    "latin-700.ttf": ("latin-700", "western"),
    "signs-400.ttf": ("latin-400", "signs"),
    "signs-700.ttf": ("latin-700", "signs"),
    "mono-400.ttf": ("mono-400", "western"),
}
"""Each file that is made: from which font, with which characters (`character_sets`)."""
ALL_CHARACTERS: Final = ("sans-400.ttf", "latin-400.ttf", "mono-400.ttf")
"""The files that together hold every character that any of them holds."""
DIGESTS: Final = FOLDER / "SHA256SUMS"
"""The bytes that are expected, in the format of `sha256sum`."""
OPTIONS: Final = (
    "--layout-features=kern,palt,halt,liga,locl,calt,ccmp,mark,mkmk,tnum,lnum",
    "--no-hinting",
    "--drop-tables+=vhea,vmtx,VORG",
)
"""What is kept of a font beside the characters: what horizontal text needs."""

Spans = tuple[tuple[int, int], ...]
SIGNS: Final[Spans] = (
    (0x20, 0x7E),
    (0xA0, 0x24F),  # Latin
    (0x300, 0x36F),  # accents
    (0x370, 0x3FF),  # Greek
    (0x400, 0x52F),  # Cyrillic
    (0x1E00, 0x1EFF),  # Latin, as Vietnamese and Pinyin need it
    (0x2000, 0x206F),  # punctuation
    (0x20A0, 0x20BF),  # currencies
    (0x2100, 0x214F),  # ℃ № ™
    (0x2190, 0x22FF),  # arrows and operators
    (0x2460, 0x25FF),  # ① and drawings of lines
    (0x2600, 0x27BF),  # ☑ ✓
    (0x3000, 0x303F),  # Chinese punctuation
    (0xFF00, 0xFFEF),  # full width
)
"""Blocks of signs and western letters; of each, what the font has."""
ENGLISH_SIGNS: Final = "§±·×‘’“”•…"
"""Signs that the Chinese font draws as wide as a Chinese character; English text takes them from the western one."""
GB2312: Final[Spans] = ((0xA1, 0xF7), (0xA1, 0xFE))
GBK: Final[Spans] = ((0x81, 0xFE), (0x40, 0xFE))
"""The first and second bytes of the two character sets."""


def main() -> None:
    """Make the files anew. Ends with an error that names every file whose bytes are not the expected ones."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = {source: unpack(source, folder) for source in (SANS, LATIN, MONO)}
        characters = character_sets(standard_characters(folder))
        for name, (font, kind) in FILES.items():
            source, file = FONTS[font]
            make(sources[source] / file, characters[kind], folder / name)
        expected = DIGESTS.read_text("utf-8").splitlines()
        made = [f"{digest(folder / name)}  {name}" for name in sorted(FILES)]
        if made != expected:
            sys.exit("\n".join(["not the expected bytes:", *(line for line in made if line not in expected)]))
        for name in FILES:
            shutil.copyfile(folder / name, FOLDER / name)
        CHARACTERS.write_bytes("".join(sorted(characters_of(*ALL_CHARACTERS))).encode())
        for source, fonts in sources.items():
            shutil.copyfile(fonts / "LICENSE_FONT", FOLDER / source.licence)


def characters_of(*names: str) -> set[str]:
    """Return the characters that some of the files hold together."""
    held: set[str] = set()
    for name in names:
        with TTFont(FOLDER / name, lazy=True) as font:
            font.setGlyphOrder(range(font["maxp"].numGlyphs))  # names of the glyphs take ten times as long
            held.update(map(chr, font.getBestCmap()))
    return held


def unpack(source: Source, folder: Path) -> Path:
    """Fetch and unpack a package of fonts into `folder`; return where its files are."""
    archive = fetch(["npm", "pack", "--silent", source.package], "*.tgz", folder, source.sha256)
    target = folder / archive.stem
    with tarfile.open(archive) as packed:
        packed.extractall(target, filter="data")
    archive.unlink()
    return target / "package"


def standard_characters(folder: Path) -> set[str]:
    """Fetch Unicode's data, and return the Table of General Standard Chinese Characters (its field kTGH)."""
    package, wanted = UNICODE_DATA
    archive = fetch(["apt-get", "download", "-qq", package], "*.deb", folder, wanted)
    run(["dpkg-deb", "--extract", str(archive), str(folder / package)], folder)
    with bz2.open(folder / package / "usr/share/unicode/Unihan_OtherMappings.txt.bz2", "rt", encoding="utf-8") as file:
        characters = {chr(int(match[1], 16)) for line in file if (match := re.match(r"U\+([0-9A-F]+)\tkTGH\t", line))}
    if len(characters) != STANDARD_CHARACTERS:
        sys.exit(f"the table of standard characters has {len(characters)} characters, not {STANDARD_CHARACTERS}")
    return characters


def fetch(command: list[str], pattern: str, folder: Path, wanted: str) -> Path:
    """Run a command that downloads one file into `folder`; return the file, whose SHA-256 digest must be `wanted`."""
    run(command, folder)
    [file] = folder.glob(pattern)
    if digest(file) != wanted:
        sys.exit(f"{file.name} is not the expected file: sha256 {digest(file)}")
    return file


def run(command: list[str], folder: Path) -> None:
    """Run a command in `folder`. Raises CalledProcessError."""
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603  # the commands stand in this file


def character_sets(standard: set[str]) -> Mapping[str, set[str]]:
    """Return the characters of each kind of file.

    `core` has what nearly every page needs: GB 2312, the table of standard characters and the signs. `rare` has what
    else GBK knows, mostly for names, and is fetched by pages that hold one of these.
    """
    signs = spans(SIGNS)
    core = encoded("gb2312", GB2312) | standard | signs
    rare = encoded("gbk", GBK) - core
    return {"core": core, "rare": rare, "all": core | rare, "western": signs, "signs": set(ENGLISH_SIGNS)}


def spans(blocks: Spans) -> set[str]:
    """Return the characters of some blocks."""
    return {chr(code) for first, last in blocks for code in range(first, last + 1)}


def encoded(codec: str, byte_ranges: Spans) -> set[str]:
    """Return the characters that a two-byte codec can write."""
    (first, last), (low, high) = byte_ranges
    pairs = (bytes((lead, trail)) for lead in range(first, last + 1) for trail in range(low, high + 1))
    decoded = "".join(pair.decode(codec, errors="ignore") for pair in pairs)
    return {character for character in decoded if not character.isascii()}


def make(font: Path, characters: Iterable[str], target: Path) -> None:
    """Write the part of a font that draws `characters`, as WOFF2 or TrueType by the name of `target`."""
    unicodes = target.with_suffix(".txt")
    unicodes.write_text("".join(f"{ord(character):04X}\n" for character in sorted(characters)), "utf-8")
    flavor = ["--flavor=woff2"] if target.suffix == ".woff2" else []
    subset.main([str(font), f"--unicodes-file={unicodes}", f"--output-file={target}", *OPTIONS, *flavor])


def digest(file: Path) -> str:
    """Return the SHA-256 digest of a file, in hexadecimal digits."""
    return sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
