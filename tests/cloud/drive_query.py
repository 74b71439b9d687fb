"""The part of the Drive API's search language (q of files.list) that rclone uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Resource = dict[str, Any]
Test = Callable[[Resource], bool]

_TOKEN = re.compile(r"\s*('(?:\\.|[^\\'])*'|\w+|!?=|[()])")


class QueryError(ValueError):
    """The text is not a query, or uses a part of the language that is not implemented here."""


def parse_query(text: str) -> Test:
    """A test for file resources in their JSON form. Raises QueryError.

    "and" and "or" bind equally, from the left, because rclone always sets parentheses.
    """
    tokens = _tokens(text)
    test, end = _terms(tokens)
    if end:
        raise QueryError(f"{end!r} is not expected in {text!r}")
    return test


def _tokens(text: str) -> Iterator[str]:
    position, text = 0, text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise QueryError(f"cannot read {text[position:]!r}")
        yield match[1]
        position = match.end()


def _terms(tokens: Iterator[str]) -> tuple[Test, str]:
    """The test for terms joined by and/or, and the token after them ("" at the end)."""
    test = _term(tokens)
    while (joint := next(tokens, "")) in ("and", "or"):
        test = _join(joint, test, _term(tokens))
    return test, joint


def _join(joint: str, left: Test, right: Test) -> Test:
    if joint == "and":
        return lambda resource: left(resource) and right(resource)
    return lambda resource: left(resource) or right(resource)


def _term(tokens: Iterator[str]) -> Test:
    first = next(tokens, "")
    if first == "(":
        test, end = _terms(tokens)
        if end != ")":
            raise QueryError("a parenthesis is not closed")
        return test
    comparison, second = next(tokens, ""), next(tokens, "")
    if comparison == "in":
        return lambda resource: _value(first) in resource.get(second, ())
    if comparison not in ("=", "!="):
        raise QueryError(f"{first} {comparison} {second} is not understood")
    wanted = _value(second)
    return lambda resource: (resource[first] == wanted) is (comparison == "=")


def _value(token: str) -> str | bool:
    if token in ("true", "false"):
        return token == "true"
    if not token.startswith("'"):
        raise QueryError(f"{token!r} is not a value")
    return re.sub(r"\\(.)", r"\1", token[1:-1])
