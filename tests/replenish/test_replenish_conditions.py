"""The language of conditions: whole columns against a plain reading of one row, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.config.expression import parsed
from scaleinv.config.models import ReplenishConfig
from scaleinv.config.rules import RuleConfig, rules_version
from scaleinv.errors import ConfigError
from scaleinv.replenish.evaluate import evaluated
from scaleinv.schema.facts import FACT_OF, FACTS

Row = dict[str, Any]
Plain = Callable[[Row], Any]
Said = tuple[str, Plain]
"""A condition as text, and what it means for one row, written without the parser and without Arrow."""

NUMBERS, TEXTS, DATES, FLAGS = (
    ("on_hand", "level_limit", "value"),
    ("category", "problem"),
    ("stock_date",),
    ("is_below",),
)
_VALUES = st.one_of(st.integers(-4, 4).map(float), st.sampled_from([0.5, -0.0, 1e9]))
_WORDS = st.sampled_from(["", "A", "AB", "a%b", "it's", "ü", "A_B"])
_DAYS = st.integers(0, 5).map(lambda n: date(2026, 9, 1) + timedelta(days=n))
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def both(f: Callable[[Any, Any], Any], left: Plain, right: Plain) -> Plain:
    """Null if one of them is."""

    def plain(row: Row) -> Any:
        a, b = left(row), right(row)
        return None if a is None or b is None else f(a, b)

    return plain


def divided(a: float, b: float) -> float | None:
    return None if b == 0 else a / b


def kleene_and(left: Plain, right: Plain) -> Plain:
    def plain(row: Row) -> bool | None:
        a, b = left(row), right(row)
        if a is False or b is False:
            return False
        return None if a is None or b is None else True

    return plain


def negated(inner: Plain) -> Plain:
    return lambda row: None if inner(row) is None else not inner(row)


def kleene_or(left: Plain, right: Plain) -> Plain:
    return negated(kleene_and(negated(left), negated(right)))


def like(pattern: str) -> Callable[[str], bool]:
    regex = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return lambda text: re.fullmatch(regex, text, re.DOTALL) is not None


def columns(names: tuple[str, ...]) -> st.SearchStrategy[Said]:
    return st.sampled_from(names).map(lambda name: (name, lambda row: row[name]))


NUMBER: st.SearchStrategy[Said] = st.recursive(
    st.one_of(columns(NUMBERS), _VALUES.map(lambda x: (f"({x!r})", lambda _: x))),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner).map(
            lambda t: (
                f"({t[1][0]} {t[0]} {t[2][0]})",
                both({"+": float.__add__, "-": float.__sub__, "*": float.__mul__}[t[0]], t[1][1], t[2][1]),
            )
        ),
        st.tuples(inner, inner).map(lambda t: (f"({t[0][0]} / {t[1][0]})", both(divided, t[0][1], t[1][1]))),
        inner.map(lambda s: (f"-{s[0]}", lambda row: None if s[1](row) is None else 0.0 - s[1](row))),
    ),
    max_leaves=5,
)
TEXT = st.one_of(columns(TEXTS), _WORDS.map(lambda w: (quoted(w), lambda _: w)))
DAY = st.one_of(columns(DATES), _DAYS.map(lambda d: (f"date '{d}'", lambda _: d)))
APART = st.tuples(DAY, DAY).map(
    lambda t: (f"({t[0][0]} - {t[1][0]})", both(lambda a, b: float((a - b).days), t[0][1], t[1][1]))
)


def compared(side: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    return st.tuples(st.sampled_from(sorted(_OPERATORS)), side, side).map(
        lambda t: (f"({t[1][0]} {t[0]} {t[2][0]})", both(_OPERATORS[t[0]], t[1][1], t[2][1]))
    )


def among(side: st.SearchStrategy[Said], values: Any, write: Callable[[Any], str]) -> st.SearchStrategy[Said]:
    def made(t: Any) -> Said:
        (text, plain), chosen, word = t
        inside: Plain = lambda row: None if plain(row) is None else plain(row) in chosen  # noqa: E731
        return f"({text} {word} ({', '.join(map(write, chosen))}))", inside if word == "in" else negated(inside)

    return st.tuples(side, st.lists(values, min_size=1, max_size=3), st.sampled_from(["in", "not in"])).map(made)


CONDITION: st.SearchStrategy[Said] = st.recursive(
    st.one_of(
        compared(NUMBER), compared(TEXT), compared(DAY), compared(st.one_of(APART, NUMBER)),
        columns(FLAGS), st.sampled_from([("true", lambda _: True), ("false", lambda _: False)]),
        among(NUMBER, _VALUES, repr), among(TEXT, _WORDS, quoted), among(DAY, _DAYS, lambda d: f"date '{d}'"),
        st.tuples(NUMBER, NUMBER, NUMBER).map(
            lambda t: (
                f"({t[0][0]} between {t[1][0]} and {t[2][0]})",
                kleene_and(both(_OPERATORS[">="], t[0][1], t[1][1]), both(_OPERATORS["<="], t[0][1], t[2][1])),
            )
        ),
        st.one_of(NUMBER, TEXT, DAY).map(lambda s: (f"({s[0]} is null)", lambda row: s[1](row) is None)),
        st.one_of(NUMBER, TEXT).map(lambda s: (f"({s[0]} is not null)", lambda row: s[1](row) is not None)),
        st.tuples(TEXT, st.sampled_from(["%", "A%", "_", "%b", "a\\%b", ""])).filter(lambda t: "\\" not in t[1]).map(
            lambda t: (
                f"({t[0][0]} like {quoted(t[1])})",
                lambda row: None if t[0][1](row) is None else like(t[1])(t[0][1](row)),
            )
        ),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda t: (f"({t[0][0]} and {t[1][0]})", kleene_and(t[0][1], t[1][1]))),
        st.tuples(inner, inner).map(lambda t: (f"({t[0][0]} OR {t[1][0]})", kleene_or(t[0][1], t[1][1]))),
        inner.map(lambda s: (f"not {s[0]}", negated(s[1]))),
    ),
    max_leaves=6,
)  # fmt: skip
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "on_hand": _VALUES, "value": _VALUES, "level_limit": st.none() | _VALUES, "category": _WORDS,
            "problem": st.none() | _WORDS, "stock_date": st.none() | _DAYS, "is_below": st.booleans(),
        }
    ),
    min_size=1, max_size=6,
)  # fmt: skip
_ARROW = {"number": pa.float64(), "text": pa.string(), "date": pa.date32(), "flag": pa.bool_()}


def vectorised(text: str, rows: list[Row]) -> list[bool | None]:
    found = evaluated(parsed(text), lambda n: pa.array([r[n] for r in rows], _ARROW[FACT_OF[n].kind]), len(rows))
    values: list[bool | None] = found.to_pylist()
    return values


@settings(max_examples=300, deadline=None)
@given(CONDITION, ROWS)
def test_whole_columns_say_what_a_plain_reading_of_each_row_says(said: Said, rows: list[Row]) -> None:
    text, plain = said
    assert vectorised(text, rows) == [plain(row) for row in rows]
    assert vectorised(str(parsed(text)), rows) == [plain(row) for row in rows], "its canonical form means the same"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("on_hand + 2 * value > 3", "((on_hand + (2 * value)) > 3)"),
        ("on_hand - 1 - 1 = 0", "(((on_hand - 1) - 1) = 0)"),
        ("value / 2 / 2 < 1", "(((value / 2) / 2) < 1)"),
        ("is_below or is_below and false", "(is_below or (is_below and false))"),
        ("not is_below and true", "((not is_below) and true)"),
        ("not on_hand < 1", "(not (on_hand < 1))"),
        ("on_hand between 1 and 2 and is_below", "((on_hand between 1 and 2) and is_below)"),
        ("-on_hand * 2 < 0", "(((-on_hand) * 2) < 0)"),
    ],
)
def test_what_binds_closer(text: str, same: str) -> None:
    rows = [{"on_hand": a, "value": b, "is_below": f} for a in (-1.0, 0.0, 1.0, 2.0) for b in (0.0, 1.0, 5.0)
            for f in (True, False)]  # fmt: skip
    assert vectorised(text, rows) == vectorised(same, rows)


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("on_hnd < 3", "there is no column 'on_hnd' at character 1", "did you mean on_hand?"),
        ("on_hand < 'a'", "a number is compared with a text at character 11", ">>> 'a'"),
        ("on_hand", "a number stands where a flag is needed at character 1", ""),
        ("on_hand < 3 or category", "a text stands where a flag is needed at character 16", ""),
        ("(on_hand < 3", "the end is not expected here at character 13", "expected: )"),
        ("on_hand < 3 )", "')' is not expected here at character 13", ""),
        ("on_hand in (value)", "a column is none of the choices", "character 13"),
        ("on_hand < 3; import os", "';' begins no word at character 12", ""),
        ("__import__('os')", "there is no column '__import__' at character 1", ""),
        ("on_hand.real > 0", "'.' begins no word at character 8", ""),
        ("category like value", "a text is missing at character 15", ""),
        ("stock_date < date '2026-02-30'", "this is no day at character 19", "YYYY-MM-DD"),
        ("stock_date + 1 > stock_date", "a date stands where a number is needed at character 1", ""),
        ("is_below < true", "true and false have no order", ""),
        ("'open", "begins no word at character 1", "close the text"),
        ("on_hand > 1e999", "a number is too large at character 11", ""),
        ("(" * 60 + "is_below" + ")" * 60, "brackets lie too deep", ""),
        ("not " * 60 + "is_below", "brackets lie too deep", ""),
        ("is_below" + " or is_below" * 300, "a condition is too long", ""),
        ("", "the end is not expected here at character 1", ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, problem: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    assert problem in str(caught.value)
    assert place in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="on_hand<>=()'%-+*/,. andornotisnullinbetween0123;\\\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parsed(text)
    except ConfigError as error:
        assert "character" in str(error)  # noqa: PT017 - it may also be read


def test_every_column_that_is_declared_can_be_asked_for() -> None:
    literal = {"number": "= 1", "text": "= 'x'", "date": "= date '2026-01-01'", "flag": "= true"}
    for fact in FACTS:
        assert str(parsed(f"{fact.name} {literal[fact.kind]}")).startswith(f"({fact.name} =")
        assert fact.meaning


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"do": "cap"}, "cap needs units"),
        ({"do": "hold", "units": "3"}, "units is for cap only"),
        ({"do": "route"}, "route needs queue"),
        ({"do": "substitute"}, "substitute needs skus"),
        ({"do": "transfer_first"}, "transfer_first needs locations"),
        ({"do": "substitute", "skus": {"A": "B", "B": "C"}}, "B is replaced and replaces"),
        (
            {"do": "order", "when": "order_value > 1"},
            "order is decided before the limits of the night, order_value after",
        ),
        ({"do": "cap", "units": "category"}, "a text stands where a number is needed"),
        ({"do": "eval"}, "Input should be"),
        ({"do": "hold", "name": "base"}, "base is the name of a built-in rule"),
        ({"do": "hold", "name": "approval_class"}, "is the name of a built-in rule"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_its_name(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ReplenishConfig.model_validate({"rules": [{"name": "mine", "when": "is_below", **rule}]})


def test_names_are_unique() -> None:
    rule = {"name": "mine", "when": "is_below", "do": "hold"}
    with pytest.raises(ValueError, match="names occur twice: mine"):
        ReplenishConfig.model_validate({"rules": [rule, rule]})


def test_the_version_changes_with_the_meaning_alone() -> None:
    def version(*rules: dict[str, Any]) -> str:
        return rules_version(tuple(RuleConfig.model_validate({"do": "hold", **rule}) for rule in rules))

    one, two = {"name": "a", "when": "on_hand<3 and is_below"}, {"name": "b", "when": "value > 1"}
    assert version(one, two) == version(two, one | {"when": "(on_hand  <  3.0)  AND is_below", "reason": "said so"})
    others = [version(one | {"when": "on_hand <= 3 and is_below"}, two), version(one | {"priority": 1}, two),
              version(one), version(one | {"do": "expedite"}, two), version(one | {"name": "c"}, two)]  # fmt: skip
    assert len({version(one, two), *others}) == len(others) + 1


def test_a_number_that_is_none_matches_nothing() -> None:
    rows = [{"on_hand": math.nan, "value": 1.0}]
    assert vectorised("on_hand < 1 or on_hand >= 1 or on_hand = on_hand", rows) == [False]


@pytest.mark.parametrize("sign", ["+", "-", "*", "/"])
def test_a_calculation_without_end_is_refused_and_a_long_one_is_reckoned(sign: str) -> None:
    with pytest.raises(ConfigError, match="too many calculations"):
        str(parsed("need" + f"{sign}1" * 990 + ">0"))
    with pytest.raises(ConfigError, match="too many calculations"):
        parsed("need+1" + "".join(f"{sign}(1{sign}1)" for _ in range(150)) + ">0")
    assert vectorised("on_hand" + f"{sign}1" * 200 + " > -1000", [{"on_hand": 1.0, "value": 1.0}]) == [True]
