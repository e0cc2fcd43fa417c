"""Text files: their encoding, and their rows counted a second way.

A reader that trusts the quotes of a file loses every row between one that was opened
and the next. Here lines are counted without it: where there are as many lines as rows
were read, no row holds two. Otherwise each row of several lines is looked at.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from recovery_research.customer_data.issues import CustomerFileError
from recovery_research.host_memory import available_memory

# Of the memory that is free; a table is copied while it is read.
SHARE_OF_MEMORY = 0.5


def largest_table() -> int:
    """Return how many bytes a table may take."""
    return int(SHARE_OF_MEMORY * available_memory())


def refuse_size(name: str, what: str, n_bytes: float) -> None:
    """Raise if something would take more memory than a table may."""
    most = largest_table()
    if n_bytes > most:
        raise CustomerFileError(
            f"{name}: {what} takes about {say_bytes(n_bytes)}, and {say_bytes(most)} "
            "is the most here (half of the free memory). Keep fewer columns or rows, "
            "or put it into a database and give a query."
        )


def say_bytes(n_bytes: float) -> str:
    """Return a size in words."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes:,.0f} bytes"


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
    """Return a text file as UTF-8, in the encoding named or the one it begins with."""
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


BLOCK = 1 << 23
LF, CR, QUOTE = 10, 13, 34
# A text of this many lines that all have the fields of a row is rows, not a text;
# in a table of fewer columns than this, texts look like rows too easily.
ROWS_SWALLOWED, FEWEST_COLUMNS = 3, 3
# Rows of several lines that are looked at, the longest first.
MOST_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The rows of a text file.

    Attributes
    ----------
    starts, ends : int64 array, shape (n_rows,)
        Where in the file each row begins and ends, in bytes; blank lines are no rows.
    places : int64 array, shape (n_rows,)
        Places among rows and blank lines, from 0.
    n_lines : int64 array, shape (n_rows,)
        Over how many lines each row runs.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    places: NDArray[np.int64]
    n_lines: NDArray[np.int64]


def count_lines(stream: BinaryIO) -> int:
    """Return how many lines follow in a file."""
    n_lf = n_cr = n_both = 0
    last = b"\n"
    for block in iter(lambda: stream.read(BLOCK), b""):
        # Lines are short: numpy compares all bytes faster than one end after another.
        n_lf += int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == LF))
        if b"\r" in block or last == b"\r":
            n_cr += block.count(b"\r")
            n_both += block.count(b"\r\n") + (last + block[:1] == b"\r\n")
        last = block[-1:]
    return n_lf + n_cr - n_both + (last not in (b"\n", b"\r"))


def scan_records(stream: BinaryIO, offset: int) -> Records:
    """Return the rows from a place in a file on; ends within quotes are no ends."""
    stream.seek(offset)
    inside, place, n_ends = 0, offset, 0
    parts: tuple[list[NDArray], ...] = ([], [], [])
    for block in iter(lambda: stream.read(BLOCK), b""):
        while block.endswith(b"\r"):
            more = stream.read(1)
            block += more
            if not more:
                break
        marks = np.frombuffer(block, dtype=np.uint8)
        is_end = marks == LF
        if b"\r" in block:
            follows = np.append(is_end[1:], False)
            is_end = is_end | ((marks == CR) & ~follows)
        at = np.flatnonzero(is_end)
        quotes = np.flatnonzero(marks == QUOTE)
        outside = (np.searchsorted(quotes, at) + inside) % 2 == 0
        inside = (inside + len(quotes)) % 2
        chosen = at[outside]
        parts[0].append(chosen + place + 1)
        # A row that ends in two marks is one longer than what it holds.
        both = (marks[chosen] == LF) & (marks[np.maximum(chosen - 1, 0)] == CR)
        parts[1].append(parts[0][-1] - 1 - (both & (chosen > 0)))
        parts[2].append(np.flatnonzero(outside) + n_ends + 1)
        n_ends += len(at)
        place += len(block)
    ends, bare, lines = (np.concatenate([*each, np.array([], np.int64)]) for each in
                         parts)  # fmt: skip
    del parts  # of a large file they are as large as what they became
    if place > (ends[-1] if len(ends) else offset):
        ends, bare = np.append(ends, place), np.append(bare, place)
        lines = np.append(lines, n_ends + 1)
    starts = np.concatenate([[offset], ends[:-1]])[: len(ends)]
    n_lines = np.diff(lines, prepend=0)
    held = np.flatnonzero(bare > starts)
    return Records(starts[held], ends[held], held, n_lines[held])


@contextmanager
def any_length() -> Iterator[None]:
    """Let the plain reader of fields take fields of any length."""
    limit = csv.field_size_limit(1 << 30)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def scan_by_fields(stream: BinaryIO, offset: int, delimiter: str) -> Records:
    """Return the rows as a reader of fields sees them; quotes within texts are none."""
    stream.seek(offset)
    sizes: list[int] = []

    def measured() -> Iterator[str]:
        lines = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
        for line in lines:
            sizes.append(len(line.encode()))
            yield line
        lines.detach()

    read, blank = [], []
    with any_length():
        reader = csv.reader(measured(), delimiter=delimiter)
        for row in reader:
            read.append(reader.line_num)
            blank.append(not row)
    at = offset + np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    lines = np.array(read, dtype=np.int64)
    before = np.concatenate([[0], lines[:-1]])[: len(lines)]
    held = np.flatnonzero(~np.array(blank, dtype=bool))
    return Records(at[before][held], at[lines][held], held, (lines - before)[held])


def number_rows(
    name: str,
    open_file: Callable[[], BinaryIO],
    n_read: int,
    *,
    offset: int,
    first: int,
    columns: int,
    delimiter: str,
) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Return what each row read is called, and rows that may hold others."""
    with open_file() as stream:
        stream.seek(offset)
        # A row takes a line or more: as many as rows, none is blank or in two.
        if count_lines(stream) == n_read:
            return first + np.arange(n_read), ()
        records = scan_records(stream, offset)
        if len(records.places) != n_read:
            records = scan_by_fields(stream, offset, delimiter)
            stream = open_file()
        with stream:
            doubtful = look_at_quotes(name, stream, records, first, columns, delimiter)
    if len(records.places) != n_read:
        raise CustomerFileError(
            f"{name}: {n_read:,} rows were read, but its lines are those of "
            f"{len(records.places):,}. Its quotes are not in order; write the file "
            "again with quotes around every text."
        )
    return first + records.places, doubtful


def look_at_quotes(
    name: str,
    stream: BinaryIO,
    records: Records,
    first: int,
    columns: int,
    delimiter: str,
) -> tuple[int, ...]:
    """Return rows that may hold others; raise if one surely does."""
    several = np.flatnonzero(records.n_lines > 1)
    longest = several[np.argsort(-records.n_lines[several], kind="stable")]
    wrong, doubtful = [], []
    for k in longest[:MOST_LOOKED_AT].tolist():
        stream.seek(int(records.starts[k]))
        text = stream.read(int(records.ends[k] - records.starts[k])).decode(
            "utf-8", "replace"
        )
        row = first + int(records.places[k])
        said = judge_quotes(text, columns, delimiter)
        if said == "open":
            wrong.append((row, int(records.n_lines[k]), text))
        elif said == "doubtful":
            doubtful.append(row)
    if wrong:
        row, n_lines, text = min(wrong)
        quote = re.search(rf'(?:^|{re.escape(delimiter)})("[^\r\n]*)', text)
        shown = (quote.group(1) if quote else text)[:60]
        raise CustomerFileError(
            f"{name}: in row {row} a quote is opened and not closed ({shown!r}): it "
            f"swallows {n_lines - 1:,} lines that follow. Close it there, or take it "
            "out; a quote within a text is written twice."
        )
    return tuple(sorted(doubtful))


def judge_quotes(text: str, columns: int, delimiter: str) -> str:
    """Return whether a row of several lines is "open", "doubtful" or in "order"."""
    mark = re.escape(delimiter)
    field = rf'(?:"[^"]*(?:""[^"]*)*"|[^"{mark}\r\n][^{mark}\r\n]*|)'
    body = text.rstrip("\r\n")
    if not re.fullmatch(rf"{field}(?:{mark}{field})*", body):
        return "open"
    lines = re.split(r"\r\n|\r|\n", body)
    like_rows = sum(line.count(delimiter) == columns - 1 for line in lines)
    if like_rows < len(lines) or columns < 2:
        return "order"
    surely = len(lines) >= ROWS_SWALLOWED and columns >= FEWEST_COLUMNS
    return "open" if surely else "doubtful"
