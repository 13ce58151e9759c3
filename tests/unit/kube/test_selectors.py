"""Label and field selectors: what they match, and the refusals of a real 1.37 server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.kube.selectors import Selector, parse_field_selector, parse_label_selector, selector_from_object
from labkit.kube.status import BadRequest

NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
LABELS = {"app": "web", "tier": "front", "weight": "7", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web , tier=front", True),
        ("app=api", False),
        ("app!=api", True),
        ("missing!=x", True),
        ("app in (api, web)", True),
        ("app in (api)", False),
        ("app notin (api)", True),
        ("missing notin (x)", True),
        ("missing in (x)", False),
        ("app", True),
        ("missing", False),
        ("!missing", True),
        ("! app", False),
        ("weight>6", True),
        ("weight>7", False),
        ("weight<8", True),
        ("app>1", False),
        ("missing<1", False),
        ("empty=", True),
        ("empty in ()", True),
        ("app in (,)", False),
        ("in=x", False),
        ("app=web,tier=back", False),
        ("app=in", False),
    ],
)
def test_labels(text: str, matches: bool) -> None:
    assert parse_label_selector(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("a,", "found '', expected: identifier after ','"),
        ("=", "found '=', expected: !, identifier, or 'end of string'"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        ("a in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
        ("a in (b,=)", "unable to parse requirement: found '=', expected: ',', or identifier"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a=!b", "unable to parse requirement: found '!', expected: identifier"),
        ("a!b", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"),
        ("a>=1", "unable to parse requirement: found '=', expected: identifier"),
        ("a=-x", f'unable to parse requirement: values[0][a]: Invalid value: "-x": {VALUE_RULE}'),
        ('a="', f'unable to parse requirement: values[0][a]: Invalid value: "\\"": {VALUE_RULE}'),
        ("a>5x", "unable to parse requirement: values[0]: Invalid value: \"5x\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ("/x=1", 'unable to parse requirement: <nil>: Invalid value: "/x": prefix part must be non-empty'),
        (
            "x/y/z=1",
            (
                f'unable to parse requirement: <nil>: Invalid value: "x/y/z": a valid label key {NAME_RULE} with an optional DNS subdomain '
                "prefix and '/' (e.g. 'example.com/MyName')"
            ),
        ),
    ],
)
def test_refused_labels(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_label_selector(text)
    assert refusal.value.message == message


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("metadata.name=web", True),
        ("metadata.name==web,status.phase!=Running", True),
        ("metadata.name!=web", False),
        ("spec.nodeName=", True),
        ("spec.nodeName!=", False),
        (r"metadata.note=a\,b\=c\\", True),
    ],
)
def test_fields(text: str, matches: bool) -> None:
    fields = {"metadata.name": "web", "status.phase": "Pending", "metadata.note": "a,b=c\\"}
    assert parse_field_selector(text).matches(fields) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("metadata.name=a,b", "invalid selector: 'metadata.name=a,b'; can't understand 'b'"),
        ("metadata.name=a\\x", "invalid field selector: invalid escape sequence: \\x"),
        ("metadata.name=b\\", "invalid field selector: invalid escape sequence: \\"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
    ],
)
def test_refused_fields(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_field_selector(text)
    assert refusal.value.message == message


def test_the_value_that_a_field_must_have() -> None:
    selector = parse_field_selector("spec.nodeName=n1,metadata.name!=x")
    assert (selector.exact("spec.nodeName"), selector.exact("metadata.name")) == ("n1", None)
    assert set(selector.fields) == {"spec.nodeName", "metadata.name"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}], "matchLabels": {"tier": "front"}}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selector_objects(selector: dict[str, object], matches: bool) -> None:
    found = selector_from_object(selector)
    assert found is not None
    assert found.matches(LABELS) is matches


def test_no_selector_object_selects_nothing() -> None:
    assert selector_from_object(None) is None


KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from(["", "x", "y", "1", "2"])


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, VALUES))
def test_equality_is_containment(wanted: dict[str, str], labels: dict[str, str]) -> None:
    text = ",".join(f"{key}={value}" for key, value in wanted.items())
    assert parse_label_selector(text).matches(labels) is (wanted.items() <= labels.items())


@given(KEYS, st.sets(VALUES, min_size=1), st.dictionaries(KEYS, VALUES))
def test_notin_is_the_opposite_of_in(key: str, values: set[str], labels: dict[str, str]) -> None:
    listed = ",".join(sorted(values))
    inside, outside = parse_label_selector(f"{key} in ({listed})"), parse_label_selector(f"{key} notin ({listed})")
    assert inside.matches(labels) is not outside.matches(labels)


@given(st.text(alphabet='ab=!<>(), in"', max_size=12))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    try:
        found = parse_label_selector(text)
    except BadRequest:
        return
    assert isinstance(found, Selector)
