"""Lines as systems break them, and an oracle that knows of each line of a file whether it is a sale.

The oracle shares no code with what it judges: it has its own reader of CSV and JSON, of days and of numbers.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HEADER = ("sku", "shop", "day", "units", "receipt")
EAN = "4006381333931"
MOST = 1_000
"""Names in a line of JSON above which it is no row."""
_QUOTED = re.compile(r'"((?:[^"]|"")*)(?:" *(?=;|\Z)|\Z)')
_UNQUOTED = re.compile(r"([^;]*)")
Break = Callable[[bytes, int], bytes]
"""A line and a number that says where and how it is broken -> what is left of it, which may be several lines."""

# --- the oracle -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A line of a file: what it says, as it is to be found in quarantine if it is no sale.

    Nothing, where quotes stand so that nobody can say where its cells end.
    """

    shown: tuple[Any, ...]
    sale: tuple[dt.date, float] | None = None


@dataclass(frozen=True)
class Expected:
    """What has to become of lines."""

    read: int
    sold: Mapping[dt.date, float]
    accepted: int
    duplicates: int
    aside: Counter[tuple[Any, ...]]


def expected(lines: Sequence[Said]) -> Expected:
    """Sales of a day add up; one that was said before in all its cells is said once."""
    once = {line.shown: line.sale for line in lines if line.sale is not None}
    sold: dict[dt.date, float] = {}
    for day, units in once.values():
        sold[day] = sold.get(day, 0.0) + units
    aside = Counter(line.shown for line in lines if line.sale is None)
    valid = len(lines) - aside.total()
    return Expected(len(lines), sold, len(once), valid - len(once), aside)


def text_of(content: bytes) -> str:
    """What a reader of UTF-8 makes of bytes; how many marks it puts where they are none, nobody has said."""
    return _once(content.decode("utf-8", "replace").removeprefix("\ufeff"))


def csv_lines(content: bytes) -> Iterator[Said]:
    """Of a file that begins with a header; a line without anything above a blank is no line."""
    lines = [line for line in re.split("\r\n|\n|\r", text_of(content)) if line.strip("".join(map(chr, range(33))))]
    header, _ = _cells(lines[0]) if lines else ([], True)
    for line in lines[1:]:
        cells, right = _cells(line)
        if len(cells) != len(header):
            yield Said((line,) if right else ())
        else:
            named = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
            sale = _sale(named, code=("A",), number=_german)
            yield Said(shown(named) if right or sale else (), sale)


def json_lines(content: bytes, *, code: str = EAN) -> Iterator[Said]:
    """Of a file with an object in each line."""
    for line in re.split("\r\n|\n|\r", text_of(content)):
        if line.strip(" "):
            yield json_line(line, code=code)


def json_line(line: str, *, code: str) -> Said:
    """Numbers are kept as they are written."""
    names: list[str] = []

    def named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names[:] = [name.lower() for name, _ in pairs]  # those of the outermost object come last
        return dict(pairs)

    try:
        row = json.loads(line, object_pairs_hook=named, parse_int=_digits, parse_float=_digits, parse_constant=str)
    except (ValueError, RecursionError):
        return Said((line,))
    if not isinstance(row, dict) or len(names) != len({*names}) or len(names) > MOST:
        return Said((line,))
    cells = {name: cell if isinstance(cell, str) else json.dumps(cell) for name, cell in row.items()}
    codes = (code, code.zfill(14)) if code == EAN else (code,)
    sale = _sale({n: c for n, c in cells.items() if row[n] is not None}, code=codes, number=_plain)
    # What stands under a name that other lines spell otherwise is not kept.
    return Said(shown({n: c for n, c in row.items() if n in HEADER or n.lower() not in HEADER}), sale)


def _digits(number: str) -> str:
    if len(number) > MOST:
        raise ValueError("so long a number no reader takes")
    return number


def shown(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """A row as JSON has it, whether its cells are text or what they were in a line of JSON."""
    if [*row] == ["_corrupt_record"]:
        return (_once(row["_corrupt_record"]),)
    return tuple(sorted((name, _plainly(cell)) for name, cell in row.items() if cell is not None))


def _plainly(cell: Any) -> str:
    try:
        found = json.loads(cell) if isinstance(cell, str) else cell
    except (ValueError, RecursionError):
        found = cell
    words = found if isinstance(found, str) else json.dumps(found)
    return _once(words.encode("utf-8", "replace").decode())  # half a pair of surrogates is no sign


def _once(words: str) -> str:
    return re.sub("\ufffd+", "\ufffd", words)


def _cells(line: str) -> tuple[list[str], bool]:
    """Quoted as RFC 4180 has it: ``(cells, as_it_should_be)``; a quote that nobody closes goes to the end."""
    cells, place, right = [], 0, True
    while place <= len(line):
        quoted = _QUOTED.match(line, place)
        found = quoted or _UNQUOTED.match(line, place)
        assert found is not None
        right = right and (quoted is not None or not found[1].startswith('"'))
        cells.append(found[1].replace('""', '"') if quoted else found[1])
        place = found.end() + 1
    return cells, right


def _sale(
    cells: Mapping[str, str], *, code: tuple[str, ...], number: Callable[[str], float | None]
) -> tuple[dt.date, float] | None:
    sku, shop, day, units = (cells.get(name, "").strip(" ") for name in HEADER[:4])
    if not {sku, _typed(sku)} & {*code} or shop != "S1" or not re.fullmatch(r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}", day):
        return None
    try:
        date = dt.date(int(day[6:]), int(day[3:5]), int(day[:2]))
    except ValueError:
        return None
    sold = number(units)
    if sold is None or not 0 <= sold <= 1e9 or not dt.date(1970, 1, 1) <= date <= dt.date.today():
        return None
    return date, sold


def _typed(sku: str) -> str:
    """What a code is to the registry, which takes those that differ in case, space and leading zeros for one."""
    letters = "".join(sign for sign in sku if sign not in "\t\n\v\f\r" and unicodedata.category(sign)[0] != "Z")
    return "" if letters.isdigit() else letters.upper().lstrip("0")


def _german(words: str) -> float | None:
    if not re.fullmatch(r"[+-]?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+)(,[0-9]+)?", words):
        return None
    return float(words.replace(".", "").replace(",", "."))


def _plain(words: str) -> float | None:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", words):
        return None
    return float(words)


# --- what breaks a line ---------------------------------------------------------------------------------------------

SIGNS = [bytes([n]) for n in (*range(0x20, 0x7F), 0, 9, 10, 13, 0x80, 0xC3, 0xFF) if n != ord('"')]
SIGNS += ["\ufeff".encode(), "\u00a0".encode(), "\u2028".encode(), "\u0661".encode(), b"\r\n", b"\n\n"]
NO_NUMBERS = (
    "NaN", "nan", "inf", "-inf", "Infinity", "1e400", "-1e400", "1e309", "two", "1 2", "0x10", "1_000", "1.5", "2,5",
    "--1", EAN, "1,2,3", "-3", "+2", "1000000001", "1.000", "\u0661", "1\u2028", "\t1", "1\t", "", " ", " 4 ", "5e-324",
)  # fmt: skip
NO_DAYS = (
    "31.02.2020", "1.1.20", "2020-01-01", "0", "99.99.9999", "01.01.2099", "29.02.2021", "01.01.20201", "+1.01.2020",
    "01.01.1969", "01.01.0000", "", " 01.06.2020 ", "01.01.2020 12:00",
)  # fmt: skip
STRANGERS = ("a", "A0", "A\0", "\u00c0", "null", "'; DROP TABLE", "A|S1", "", "A\u200b", "A" * 300_000, "-", "\ufffd")


def cut(line: bytes, at: int) -> bytes:
    """Its end is missing."""
    return line[: at % (len(line) + 1)]


def insert(line: bytes, at: int) -> bytes:
    """A sign too many."""
    place = at % (len(line) + 1)
    return line[:place] + SIGNS[at // 7 % len(SIGNS)] + line[place:]


def replace(line: bytes, at: int) -> bytes:
    """A sign that is another one."""
    place = at % (len(line) + 1)
    return line[:place] + SIGNS[at // 11 % len(SIGNS)] + line[place + 1 :]


def leave_out(line: bytes, at: int) -> bytes:
    """Some signs are missing."""
    place = at % (len(line) + 1)
    return line[:place] + line[place + 1 + at // 13 % 5 :]


def twice(line: bytes, at: int) -> bytes:
    """A part of it comes again."""
    place = at % (len(line) + 1)
    return line[: place + at // 17 % 9] + line[place:]


def without_break(line: bytes, at: int) -> bytes:
    """Two rows in a line."""
    return line + (b"", b" ", b",", b";", b"\t")[at % 5] + line


def blank(line: bytes, at: int) -> bytes:
    """Nothing is left of it."""
    return (b"", b" ", b"   ", b"\0\0\0\0", b"\t", b"\xc2\xa0")[at % 6]


ANYWHERE: tuple[Break, ...] = (cut, insert, insert, replace, leave_out, twice, without_break, blank)


def _cell(content: Sequence[str], which: int) -> Break:
    def broken(line: bytes, at: int) -> bytes:
        cells = line.split(b";")
        cells[min(which, len(cells) - 1)] = content[at % len(content)].encode("utf-8", "surrogateescape")
        return b";".join(cells)

    return broken


def _quoted(line: bytes, at: int) -> bytes:
    cells = line.split(b";")
    place = at % len(cells)
    cells[place] = (b'"%s"', b'"%s', b'%s"', b'"""%s"""', b'"%s;"', b'"%s" ', b'"%s\\"')[at // 5 % 7] % cells[place]
    return b";".join(cells)


CSV: tuple[Break, ...] = (
    *ANYWHERE,
    _cell(STRANGERS, 0),
    _cell(("S2", "s1", "", "S1 ", " S1", "S1\0"), 1),
    _cell(NO_DAYS, 2),
    _cell(NO_NUMBERS, 3),
    _cell(("", "x" * 300_000, "\udce4", "a|b"), 4),
    _quoted,
    lambda line, at: line.replace(b";", (b",", b"|", b"\t", b" ")[at % 4]),
    lambda line, at: line + b";x" * (at % 3),
    lambda line, at: line + b";" * (10_000, 30_000)[at % 2],
    lambda line, at: ";".join(HEADER).encode(),
    lambda line, at: line.decode("utf-8", "surrogateescape").encode("utf-16", "surrogatepass"),
)


def _value(name: str, tokens: Sequence[str]) -> Break:
    """Another value, as a token of JSON."""

    def broken(line: bytes, at: int) -> bytes:
        token = tokens[at % len(tokens)].encode("utf-8", "surrogateescape")
        return re.sub(rb'("%s": )("[^"]*"|[^,}]*)' % name.encode(), lambda found: found[1] + token, line, count=1)

    return broken


def _strings(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(json.dumps(word, ensure_ascii=bool(n % 2)) for n, word in enumerate(words))


_TOKENS = ("null", "true", "[]", "{}", '{"a": "A"}', '["A"]', "NaN", "Infinity", "-Infinity", '"\\u0000"', '"\\ud800"')
JSON: tuple[Break, ...] = (
    *ANYWHERE,
    _value("sku", (*_strings(STRANGERS), *_TOKENS, EAN, f'"0{EAN}"', '"\udcff"')),
    _value("shop", (*_strings(("S2", "s1", "", "S1 ", "S\n1")), *_TOKENS)),
    _value("day", (*_strings(NO_DAYS), *_TOKENS)),
    _value("units", (*_strings(NO_NUMBERS), *_TOKENS, *(word for word in NO_NUMBERS if word.strip()), '"2\\n"')),
    _value("receipt", (*_TOKENS, '"' + "x" * 300_000 + '"', "[" * 5_000 + "]" * 5_000, "9" * 5_000, '"\udce4"', "7")),
    lambda line, at: line.replace(b"}", b', "%s": "x"}' % HEADER[at % 5].encode()),
    lambda line, at: line.replace(b"}", b', "%s": "x"}' % HEADER[at % 5].upper().encode()),
    lambda line, at: line.replace(HEADER[at % 5].encode(), HEADER[at % 5].upper().encode(), 1),
    lambda line, at: (
        (
            b"[%s]",
            b"%s]",
            b"%s,{}]",
            b'%s,{"a": 1}]',
            b"%s, null]",
            b"%s}",
            b"// %s",
            b"%s // x",
            b"\xef\xbb\xbf%s",
            b"%s null",
            b"(%s)",
        )[at % 11]
        % line
    ),
    lambda line, at: line.replace(b"}", b"".join(b', "k%d": 1' % n for n in range(10_000)) + b"}") if at % 4 else line,
    lambda line, at: (b'"text"', b"1", b"null", b"{}", b"[]", b'"', b"}", b"A;S1;01.01.2020;1;r")[at % 8],
    lambda line, at: line.replace(b": ", b":").replace(b", ", b"\t, "),
    lambda line, at: line.replace(b'"', b"'"),
)
