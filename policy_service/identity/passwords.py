"""Passwords are kept as argon2id hashes (RFC 9106), never themselves; a new one must be long, not the name, not common.

Common is what stands among the 20,000 most frequent passwords of that length (ASVS 5.0 6.2.4 asks for 3,000), and one
of the 20,000 most frequent words with digits and signs around it: people make `P@ssw0rd2026!!` of a word when asked for
length. The list is SecLists', under the licence beside it. It is read when the first password is set. Common are too
the phrases that people type in pinyin, `woaini5201314woaini`, whatever digits and signs are among them.

The words of a company, its name and its products, are a setting (ASVS 5.0 6.2.11): no password holds one.

Hashing is slow on purpose: about a tenth of a second and 64 MiB. It is done outside of transactions, and by the service
in a thread of its own, few at a time.
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
"""Characters of a password, at least; NIST SP 800-63B asks for length, not for kinds of characters."""
MAX_LENGTH = 256
MIN_NAME_LENGTH = 3
"""Bytes in UTF-8 from which a name in a password counts: three western letters, one Chinese character."""
MIN_DISTINCT = 5
"""Different characters in a password, at least."""
COMMON = Path(__file__).with_name("common_passwords.txt.gz")
SERVICE = "policy service"
"""What the service is called: the first guess at a password."""
WORDS = "POLICY_SERVICE_PASSWORD_WORDS"
"""The environment variable with the words of the company, separated by commas."""
PINYIN = """
aini ainiyiwannian baobao baobei beijing buzhidao caonima gongsi guanliyuan jiushiaini laogong laopo mama meimei
meiyoumima mima mingtian nihao nihaoma nima nishishui nishizhu qinaide shanghai shengrikuaile tiancai tianshi wobuzhidao
wocaonima wode wodejia wodemima wodezuiai wohenaini wojiushiwo women womendeai woshi woshishei woshishui woshitiancai
woshiwo woxiangni woxihuanni wozhiaini woziji woai woaini wojia xiangni xihuanni xinniankuaile yonghu zhendeaini
zhimakaimen zhongguo zhongguoren zuguo
"""
"""Phrases as they are typed in passwords: I love you, my password, open sesame, …"""
_PINYIN = re.compile(f"(?:{'|'.join(PINYIN.split())})+")
_AFFIXES = string.digits + string.punctuation + string.whitespace
_LOOKALIKES = str.maketrans("@4301$5!7", "aaeolssit")
"""Signs and digits as they are put for letters."""


def hash_password(password: str) -> str:
    """Hash a password: the hash holds its salt and its parameters."""
    return HASHER.hash(_bytes(password))


def matches(password_hash: str, password: str) -> bool:
    """Return True if the password is the one that was hashed. A hash that cannot be read matches nothing."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        return HASHER.verify(password_hash, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Return True if the hash was made with other parameters than those of today."""
    return HASHER.check_needs_rehash(password_hash)


@cache
def dummy_hash() -> str:
    """Return a hash to try passwords of unknown names against, so that they take as long as known ones."""
    return hash_password("the password of nobody at all")


def password_error(password: str, *names: str) -> str | None:
    """Return which requirement a new password does not meet; None when it meets all.

    `names` are those of the account and of the person, and the words of the company.
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
    """Return True if a password is what many people take."""
    plain = _normal(password).casefold()
    word = plain.strip(_AFFIXES)
    if _PINYIN.fullmatch("".join(filter(str.isalpha, plain))):
        return True
    return not common_passwords().isdisjoint({plain, word, word.translate(_LOOKALIKES)})


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of the company, as they are set."""
    return tuple(filter(None, map(str.strip, re.split("[,，、]", text))))


@cache
def common_passwords() -> frozenset[str]:
    """Return the list."""
    return frozenset(gzip.decompress(COMMON.read_bytes()).decode().split("\n"))


def _alphanumerics(text: str) -> str:
    """Return a text without its signs and blanks, in small letters."""
    return "".join(filter(str.isalnum, _normal(text).casefold()))


def _normal(password: str) -> str:
    """Return the same password, however the keyboard composed its characters (NIST SP 800-63B section 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")
