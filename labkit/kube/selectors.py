"""Label and field selectors, as query parameters and as `matchLabels`/`matchExpressions`.

Upstream: apimachinery/pkg/labels/selector.go and pkg/fields/selector.go. The texts of refusals are what a server answers with 400.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from labkit.kube.names import is_label_value, is_qualified_name
from labkit.kube.status import BadRequest

OPERATORS = ("in", "notin", "=", "==", "!=", "gt", "lt")
_SYMBOLS = {"=": "=", "==": "==", "!=": "!=", "!": "!", "<": "lt", ">": "gt", "(": "(", ")": ")", ",": ","}
_WORDS = ("in", "notin")
_TOKEN = re.compile(r"(?P<symbol>==|!=|[=!<>(),])|(?P<word>[^\s=!<>(),]+)|\s+")
_END = ""
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on labels. `operator` is `in`, `notin`, `exists`, `!`, `gt` or `lt`; `=` and `!=` are `in` and `notin` of one value."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet the condition; `notin` also holds where the key is missing."""
        match self.operator:
            case "in":
                return self.key in labels and labels[self.key] in self.values
            case "notin":
                return self.key not in labels or labels[self.key] not in self.values
            case "exists":
                return self.key in labels
            case "!":
                return self.key not in labels
        (limit,) = self.values
        value = _as_int(labels.get(self.key, ""))
        if value is None:
            return False
        return value > int(limit) if self.operator == "gt" else value < int(limit)


@dataclass(frozen=True, slots=True)
class Selector:
    """Conditions that all have to hold. Without any it matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet every condition."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __bool__(self) -> bool:
        return bool(self.requirements)


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One condition on a field: it equals `value`, or with `equal` off it does not. A missing field counts as empty."""

    field: str
    value: str
    equal: bool = True


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Conditions on fields that all have to hold."""

    terms: tuple[FieldTerm, ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether the fields meet every condition."""
        return all((fields.get(term.field, "") == term.value) is term.equal for term in self.terms)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are asked for, in order, for the check whether the kind knows them."""
        return tuple(term.field for term in self.terms)

    def exact(self, field: str) -> str | None:
        """The value that `field` must have, if the selector says so."""
        return next((term.value for term in self.terms if term.field == field and term.equal), None)

    def __bool__(self) -> bool:
        return bool(self.terms)


@lru_cache(maxsize=256)
def parse_label_selector(text: str) -> Selector:
    """The selector that a text like `app=web,tier in (front,back),!canary` means.

    Raises:
        BadRequest: the text is none; the message is upstream's.
    """
    return Selector(tuple(sorted(_Parser(text).requirements(), key=lambda requirement: requirement.key)))


def selector_from_object(selector: Mapping[str, Any] | None) -> Selector | None:
    """The selector of a LabelSelector object. None, which matches nothing, for no object; an empty object matches everything.

    Raises:
        BadRequest: an expression's operator is none of In, NotIn, Exists and DoesNotExist.
    """
    if selector is None:
        return None
    found = [Requirement(key, "in", frozenset({value})) for key, value in sorted((selector.get("matchLabels") or {}).items())]
    names = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
    for expression in selector.get("matchExpressions") or ():
        operator = expression.get("operator", "")
        if operator not in names:
            raise BadRequest(f'"{operator}" is not a valid label selector operator')
        found.append(Requirement(expression.get("key", ""), names[operator], frozenset(expression.get("values") or ())))
    return Selector(tuple(found))


@lru_cache(maxsize=256)
def parse_field_selector(text: str) -> FieldSelector:
    r"""The selector that a text like `metadata.name=web,status.phase!=Running` means; `\,`, `\=` and `\\` stand for themselves.

    Raises:
        BadRequest: the text is none; the message is upstream's.
    """
    terms = []
    for part in sorted(re.findall(r"(?:\\.|[^,\\]|\\$)+", text)):
        found = re.search(r"!=|==|=", part)
        if found is None:
            raise BadRequest(f"invalid selector: '{text}'; can't understand '{part}'")
        terms.append(FieldTerm(part[: found.start()], _unescaped(part[found.end() :]), found.group() != "!="))
    return FieldSelector(tuple(terms))


def _unescaped(value: str) -> str:
    wrong = re.sub(r"\\[\\,=]", "", value)
    if "=" in wrong:
        raise BadRequest(f"invalid field selector: unescaped character in value: {ord('=')}")  # upstream prints the rune's number
    if (at := wrong.find("\\")) >= 0:
        raise BadRequest(f"invalid field selector: invalid escape sequence: {wrong[at : at + 2]}")
    return re.sub(r"\\([\\,=])", r"\1", value)


def _as_int(text: str) -> int | None:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    return int(text) if int(text) in _INT64 else None


def _tokens(text: str) -> Sequence[str]:
    return [found.group() for found in _TOKEN.finditer(text) if not found.group().isspace()]


def _complaint(path: str, value: str, errors: Iterable[str]) -> BadRequest:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return BadRequest(f'unable to parse requirement: {path}: Invalid value: "{quoted}": {"; ".join(errors)}')


class _Parser:
    """Upstream's recursive descent over the tokens; its method is what gives its error texts."""

    def __init__(self, text: str) -> None:
        self.tokens, self.at = _tokens(text), 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def requirements(self) -> Iterable[Requirement]:
        while (token := self.peek()) != _END:
            if not (token == "!" or self.is_word(token)):
                raise BadRequest(f"found '{token}', expected: !, identifier, or 'end of string'")
            yield self.requirement()
            token = self.take()
            if token == _END:
                return
            if token != ",":
                raise BadRequest(f"found '{token}', expected: ',' or 'end of string'")
            following = self.peek()
            if not (following == "!" or self.is_word(following)):
                raise BadRequest(f"found '{following}', expected: identifier after ','")

    def requirement(self) -> Requirement:
        negated = self.peek() == "!"
        if negated:
            self.take()
        key = self.take()
        if not self.is_word(key):
            raise BadRequest(f"unable to parse requirement: found '{key}', expected: identifier")
        if errors := is_qualified_name(key):
            raise _complaint("<nil>", key, errors)
        if negated or self.peek() in (_END, ","):
            return self.finish(key, "!" if negated else "exists", ())
        operator = self.take()
        if operator in _WORDS:
            return self.finish(key, operator, self.value_set())
        name = _SYMBOLS.get(operator, "")
        if name not in ("=", "==", "!=", "gt", "lt"):
            raise BadRequest(f"unable to parse requirement: found '{operator}', expected: {', '.join(OPERATORS)}")
        return self.finish(key, {"=": "in", "==": "in", "!=": "notin"}.get(name, name), (self.value(),))

    def finish(self, key: str, operator: str, values: Iterable[str]) -> Requirement:
        found = sorted(set(values))
        for position, value in enumerate(found):
            if operator in ("gt", "lt") and _as_int(value) is None:
                raise _complaint(f"values[{position}]", value, ["for 'Gt', 'Lt' operators, the value must be an integer"])
            if errors := is_label_value(value):
                raise _complaint(f"values[{position}][{key}]", value, errors)
        return Requirement(key, operator, frozenset(found))

    def value(self) -> str:
        if self.peek() in (_END, ","):
            return ""
        token = self.take()
        if not self.is_word(token):
            raise BadRequest(f"unable to parse requirement: found '{token}', expected: identifier")
        return token

    def value_set(self) -> Iterable[str]:
        token = self.take()
        if token != "(":
            raise BadRequest(f"unable to parse requirement: found '{token}' expected: '('")
        values, pending, wanted = [], "", "',', ')' or identifier"
        while True:
            token = self.take()
            if token in (",", ")"):
                values.append(pending)
                pending, wanted = "", "',', or identifier"
                if token == ")":
                    return values
            elif not self.is_word(token):
                raise BadRequest(f"unable to parse requirement: found '{token}', expected: {wanted}")
            elif pending:
                raise BadRequest(f"unable to parse requirement: found '{token}', expected: ',' or ')'")
            else:
                pending = token
                if self.peek() not in (",", ")"):
                    raise BadRequest(f"unable to parse requirement: found '{self.peek()}', expected: ',' or ')'")

    @staticmethod
    def is_word(token: str) -> bool:
        """An identifier. `in` and `notin` count as one wherever no operator can stand."""
        return token != _END and token not in _SYMBOLS
