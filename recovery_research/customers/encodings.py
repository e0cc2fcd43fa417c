"""Text files: in which encoding they are, and their bytes as UTF-8."""

from __future__ import annotations

import codecs
import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from recovery_research.customers.findings import CustomerFileError
from recovery_research.customers.size_limits import refuse_size

MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Encodings of one byte a letter, the most usual first.
WESTERN = ("cp1252", "cp1250", "cp1254", "cp850", "mac_roman")
OTHERS = ("cp1251", "cp1253", "cp932", "gb18030", "big5", "cp949")
# What a detection is made from: the first lines that hold more than plain letters.
SAMPLE = 200_000
# Quotation marks and dashes, which stand beside letters.
PUNCTUATION = "\u2018\u2019\u201c\u201d\u00ab\u00bb\u2013\u2014\u2026"
KANA = r"[\u3040-\u30ff]"
MOSTLY_KANA = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class TextFile:
    """A text file as UTF-8.

    Attributes
    ----------
    path : Path
        Where it is.
    content : bytes or None
        Its bytes as UTF-8, where the file itself is not.
    encoding : str
        Of the file.
    guessed : bool
        Nobody says the encoding; it is what the bytes look like.
    """

    path: Path
    content: bytes | None
    encoding: str
    guessed: bool = False

    def open(self) -> BinaryIO:
        """Open its bytes as UTF-8."""
        if self.content is None:
            return self.path.open("rb")
        return io.BytesIO(self.content)


def open_text(path: Path, encoding: str) -> TextFile:
    """Return a text file as UTF-8, in the encoding named or the one it begins with.

    Raises
    ------
    CustomerFileError
        If it is not in the encoding named.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not encoding:
        encoding = read_mark(head)
    try:
        plain = codecs.lookup(encoding).name
    except LookupError:
        raise CustomerFileError(
            f"unknown encoding {encoding!r}; known are such as 'utf-8', 'utf-16', "
            "'cp1252', 'latin-1', 'cp1251', 'shift_jis', 'gb18030'."
        ) from None
    if plain in ("utf-8", "utf-8-sig", "ascii"):
        return TextFile(path, None, "utf-8")
    return TextFile(path, decode(path, encoding), encoding)


def read_mark(head: bytes) -> str:
    """Return the encoding that a file's first bytes name, utf-8 if they do not."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    return guess_wide(head) or "utf-8"


def guess_wide(head: bytes) -> str:
    """Return which kind of UTF-16 a text without a mark is in, empty if in none."""
    if len(head) < 4 or b"\0" not in head:
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    for there, elsewhere, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if there > 0.7 * half and elsewhere < 0.05 * half:
            return name
    return ""


def decode(path: Path, encoding: str) -> bytes:
    """Return a file's bytes as UTF-8."""
    refuse_size(path.name, "the file as UTF-8", 3.0 * path.stat().st_size)
    try:
        return path.read_bytes().decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError as error:
        raise CustomerFileError(
            f"{path.name} is not {encoding} text ({error}); name its encoding in the "
            'mapping, [source] encoding = "cp1252", or leave it out to have it '
            "guessed (map --encoding to try one)."
        ) from None


def guess_encoding(path: Path) -> TextFile:
    """Return a text that is no UTF-8, in the encoding that it looks like."""
    sample = take_sample(path)
    encoding = name_encoding(sample)
    try:
        return TextFile(path, decode(path, encoding), encoding, guessed=True)
    except CustomerFileError:
        # What any byte is a letter in.
        return TextFile(path, decode(path, "latin-1"), "latin-1", guessed=True)


def take_sample(path: Path) -> bytes:
    """Return the first lines of a file that hold more than plain letters."""
    found, size = [], 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                found.append(line[:10_000])
                size += len(found[-1])
            if size > SAMPLE:
                break
    return b"".join(found)


def name_encoding(sample: bytes) -> str:
    """Return the encoding that some lines look like."""
    from charset_normalizer import from_bytes

    try:
        text = sample.decode("cp932")
        wide = len(re.findall(r"[^\x00-\x7f]", text))
        if wide and len(re.findall(KANA, text)) > MOSTLY_KANA * wide:
            return "cp932"
    except UnicodeError:
        pass
    best = from_bytes(sample, cp_isolation=[*WESTERN, *OTHERS]).best()
    if best is not None and best.encoding in OTHERS:
        return best.encoding
    # Among the western ones a few letters say little to a statistic of languages.
    return min(WESTERN, key=lambda name: count_oddities(sample, name))


def count_oddities(sample: bytes, encoding: str) -> float:
    """Return how often signs stand within words, or capitals behind small letters."""
    try:
        text = sample.decode(encoding)
    except UnicodeError:
        return float("inf")
    wide = r"[^\x00-\x7f]"
    near = re.findall(rf"(?:(?<=[^\W\d_]){wide})|(?:{wide}(?=[^\W\d_]))", text)
    signs = sum(not mark.isalpha() and mark not in PUNCTUATION for mark in near)
    capitals = sum(
        before.islower() and after.isupper()
        for before, after in itertools.pairwise(text)
        if not after.isascii()
    )
    controls = sum("\x80" <= mark <= "\x9f" for mark in text)
    return signs + capitals + controls
