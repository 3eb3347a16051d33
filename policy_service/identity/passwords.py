"""Passwords: stored only as argon2id hashes (RFC 9106); a new one must be long, and neither the name nor common.

A password is common if it is among the 20,000 most frequent of that length (ASVS 5.0 6.2.4 asks for 3,000), or one of
the 20,000 most frequent words surrounded by digits and signs: asked for length, people turn a word into
`P@ssw0rd2026!!`. So are popular phrases in pinyin, `woaini5201314woaini`, with any digits and signs in between. The
list is from SecLists, with its licence beside it, and is read when the first password is set.

The company's words, such as its name and products, are a setting (ASVS 5.0 6.2.11): no password may contain one.

Hashing is deliberately slow: about a tenth of a second and 64 MiB. It runs outside transactions, and in the service in
separate threads, few at a time.
"""

from __future__ import annotations

import gzip
import re
import string
import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from policy_service.messages import Message

HASHER = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4, hash_len=32, salt_len=16)
"""RFC 9106 section 4, the second recommended choice: argon2id, 3 passes over 64 MiB in 4 lanes."""
MIN_LENGTH = 12
"""Minimum length of a password, characters; NIST SP 800-63B asks for length, not for kinds of characters."""
MAX_LENGTH = 256
MIN_NAME_LENGTH = 3
"""Minimum length of a name that a password may not contain, bytes of UTF-8: three western letters, one Chinese
character.
"""
MIN_DISTINCT = 5
"""Minimum number of different characters in a password."""
COMMON = Path(__file__).with_name("common_passwords.txt.gz")
SERVICE = "policy service"
"""The name of the service: an obvious guess at a password."""
WORDS = "POLICY_SERVICE_PASSWORD_WORDS"
"""The environment variable with the company's words, separated by commas."""
PINYIN = """
aini ainiyiwannian baobao baobei beijing buzhidao caonima gongsi guanliyuan jiushiaini laogong laopo mama meimei
meiyoumima mima mingtian nihao nihaoma nima nishishui nishizhu qinaide shanghai shengrikuaile tiancai tianshi wobuzhidao
wocaonima wode wodejia wodemima wodezuiai wohenaini wojiushiwo women womendeai woshi woshishei woshishui woshitiancai
woshiwo woxiangni woxihuanni wozhiaini woziji woai woaini wojia xiangni xihuanni xinniankuaile yonghu zhendeaini
zhimakaimen zhongguo zhongguoren zuguo
"""
"""Pinyin phrases common in passwords: I love you, my password, open sesame, …"""
_PINYIN = re.compile(f"(?:{'|'.join(PINYIN.split())})+")
_AFFIXES = string.digits + string.punctuation + string.whitespace
_LOOKALIKES = str.maketrans("@4301$5!7", "aaeolssit")
"""Signs and digits that stand for letters."""


def hash_password(password: str) -> str:
    """Return the hash of a password, with its salt and parameters."""
    return HASHER.hash(_bytes(password))


def matches(password_hash: str, password: str) -> bool:
    """Return True if the password matches the hash; False if the hash cannot be parsed."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        return HASHER.verify(password_hash, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Return True if the hash uses outdated parameters."""
    return HASHER.check_needs_rehash(password_hash)


@cache
def dummy_hash() -> str:
    """Return a hash to verify passwords of unknown names against, so that they take as long as known ones."""
    return hash_password("the password of nobody at all")


def password_error(password: str, *names: str) -> str | None:
    """Return the first requirement that a new password does not meet; None if it meets all.

    `names` are the names of the account and the person, and the company's words.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return Message("{shortest} to {longest} characters", shortest=MIN_LENGTH, longest=MAX_LENGTH)
    if len(set(password)) < MIN_DISTINCT:
        return Message("at least {count} different characters", count=MIN_DISTINCT)
    normalized, telling = _alphanumerics(password), map(_alphanumerics, (SERVICE, *names))
    if any(len(name.encode(errors="replace")) >= MIN_NAME_LENGTH and name in normalized for name in telling):
        return Message(
            "a password without the name of the account, the person or this service, or a word of the company"
        )
    if is_common(password):
        return Message(
            "a password that is not one of the most common ones, nor one of their words with signs around it"
        )
    return None


def is_common(password: str) -> bool:
    """Return True if a password is common."""
    plain = _normal(password).casefold()
    word = plain.strip(_AFFIXES)
    if _PINYIN.fullmatch("".join(filter(str.isalpha, plain))):
        return True
    return not common_passwords().isdisjoint({plain, word, word.translate(_LOOKALIKES)})


def words_of(text: str) -> tuple[str, ...]:
    """Return the company's words in the setting."""
    return tuple(filter(None, map(str.strip, re.split("[,，、]", text))))


@cache
def common_passwords() -> frozenset[str]:
    """Return the list of common passwords."""
    return frozenset(gzip.decompress(COMMON.read_bytes()).decode().split("\n"))


def _alphanumerics(text: str) -> str:
    """Return a text in lower case without signs and blanks."""
    return "".join(filter(str.isalnum, _normal(text).casefold()))


def _normal(password: str) -> str:
    """Return a password in Unicode normal form (NIST SP 800-63B section 5.1.1.2), whatever the keyboard."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")
