"""Which names Kubernetes accepts, and what it says of the others.

Each check takes a text and returns the complaints, an empty list where there are none; whoever calls puts the field's path in front.
The texts are upstream's, since clients and people match on them (apimachinery/pkg/util/validation and pkg/api/validate/content).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

LABEL_LIMIT, SUBDOMAIN_LIMIT, LABEL_VALUE_LIMIT, PORT_NAME_LIMIT = 63, 253, 63, 15

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + r"(\." + _LABEL + ")*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_DATA_KEY = "[-._a-zA-Z0-9]+"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-',"
    " and must start and end with an alphanumeric character"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character"
)
_LABEL_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character,"
    " and end with an alphanumeric character"
)
_KEY_TEXT = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character"
)
_DATA_KEY_TEXT = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_ENV_TEXT = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_C_IDENTIFIER_TEXT = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'"
)

NameCheck = Callable[[str], list[str]]


def too_many_characters(limit: int) -> str:
    """What is said of a text that is too long."""
    return f"must be no more than {limit} characters"


def too_many_bytes(limit: int) -> str:
    """The same, as upstream's newer checks have it: those of labels and of qualified names."""
    return f"must be no more than {limit} bytes"


def not_in_range(low: int, high: int) -> str:
    """What is said of a number outside `low` to `high`."""
    return f"must be between {low} and {high}, inclusive"


def not_matching(text: str, pattern: str, *examples: str) -> str:
    """What is said of a text that does not match: the rule in words, examples, and the pattern."""
    shown = f"regex used for validation is '{pattern}'"
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {listed}{shown})" if examples else f"{text} ({shown})"


def _length(value: str) -> int:
    return len(value.encode())  # upstream counts bytes


def is_label(value: str) -> list[str]:
    """A DNS label (RFC 1123): names of namespaces, containers and volumes."""
    found = [too_many_characters(LABEL_LIMIT)] if _length(value) > LABEL_LIMIT else []
    if not re.fullmatch(_LABEL, value):
        dotted = re.fullmatch(_SUBDOMAIN, value) is not None
        found.append("must not contain dots" if dotted else not_matching(_LABEL_TEXT, _LABEL, "my-name", "123-abc"))
    return found


def is_subdomain(value: str) -> list[str]:
    """A DNS subdomain (RFC 1123): what most objects may be called (VAL-1)."""
    found = [too_many_characters(SUBDOMAIN_LIMIT)] if _length(value) > SUBDOMAIN_LIMIT else []
    if not re.fullmatch(_SUBDOMAIN, value):
        found.append(not_matching(_SUBDOMAIN_TEXT, _SUBDOMAIN, "example.com"))
    return found


def is_label_1035(value: str) -> list[str]:
    """A DNS label (RFC 1035), which starts with a letter: names of Services."""
    found = [too_many_characters(LABEL_LIMIT)] if _length(value) > LABEL_LIMIT else []
    if not re.fullmatch(_LABEL_1035, value):
        found.append(not_matching(_LABEL_1035_TEXT, _LABEL_1035, "my-name", "abc-123"))
    return found


def is_path_segment(value: str) -> list[str]:
    """Anything that fits between two slashes of a URL: names of roles and their bindings."""
    if value in {".", ".."}:
        return [f"may not be '{value}'"]
    return [f"may not contain '{part}'" for part in ("/", "%") if part in value]


def _is_path_segment_prefix(value: str) -> list[str]:
    return [f"may not contain '{part}'" for part in ("/", "%") if part in value]


def is_qualified_name(value: str) -> list[str]:
    """A key of labels, annotations and finalizers: a name, with an optional DNS subdomain and a slash in front."""
    prefix, slash, name = value.rpartition("/")
    pattern = not_matching(_KEY_TEXT, _KEY, "MyName", "my.name", "123-abc")
    if "/" in prefix:
        return [f"a valid label key {pattern} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    found: list[str] = []
    if slash and not prefix:
        found.append("prefix part must be non-empty")
    elif slash:
        if _length(prefix) > SUBDOMAIN_LIMIT:
            found.append(f"prefix part {too_many_bytes(SUBDOMAIN_LIMIT)}")
        if not re.fullmatch(_SUBDOMAIN, prefix):
            found.append(f"prefix part {not_matching(_SUBDOMAIN_TEXT, _SUBDOMAIN, 'example.com')}")
    if not name:
        found.append("name part must be non-empty")
    elif _length(name) > LABEL_LIMIT:
        found.append(f"name part {too_many_bytes(LABEL_LIMIT)}")
    if not re.fullmatch(_KEY, name):
        found.append(f"name part {pattern}")
    return found


def is_label_value(value: str) -> list[str]:
    """The value of a label."""
    found = [too_many_bytes(LABEL_VALUE_LIMIT)] if _length(value) > LABEL_VALUE_LIMIT else []
    if not re.fullmatch(_VALUE, value):
        found.append(not_matching(_VALUE_TEXT, _VALUE, "MyValue", "my_value", "12345"))
    return found


def is_data_key(value: str) -> list[str]:
    """A key of a ConfigMap's or Secret's data, which may become a file's name (VAL-5)."""
    found = [too_many_characters(SUBDOMAIN_LIMIT)] if _length(value) > SUBDOMAIN_LIMIT else []
    if not re.fullmatch(_DATA_KEY, value):
        found.append(not_matching(_DATA_KEY_TEXT, _DATA_KEY, "key.name", "KEY_NAME", "key-name"))
    if value in {".", ".."}:
        found.append(f"must not be '{value}'")
    elif value.startswith(".."):
        found.append("must not start with '..'")
    return found


def is_environment_variable(value: str) -> list[str]:
    """The name of an environment variable, in the relaxed form that is the rule since 1.34."""
    if not value:
        return ["environment variable name must be non-empty"]
    return [] if all(" " <= letter <= "~" and letter != "=" for letter in value) else [_ENV_TEXT]


def is_c_identifier(value: str) -> list[str]:
    """An identifier as in C."""
    return [] if re.fullmatch(_C_IDENTIFIER, value) else [not_matching(_C_IDENTIFIER_TEXT, _C_IDENTIFIER, "my_name", "MY_NAME", "MyName")]


def is_port_name(value: str) -> list[str]:
    """The name of a port (RFC 6335)."""
    found = [too_many_characters(PORT_NAME_LIMIT)] if _length(value) > PORT_NAME_LIMIT else []
    if not re.fullmatch("[-a-z0-9]+", value):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        found.append("must contain at least one letter (a-z)")
    if "--" in value:
        found.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        found.append("must not begin or end with a hyphen")
    return found


def is_port_number(value: int) -> list[str]:
    """The number of a port."""
    return [] if 1 <= value <= 65535 else [not_in_range(1, 65535)]


_RULES: Mapping[str, tuple[NameCheck, NameCheck]] = {
    "subdomain": (is_subdomain, is_subdomain),
    "label": (is_label, is_label),
    "label-1035": (is_label_1035, is_label_1035),
    "path": (is_path_segment, _is_path_segment_prefix),
}


def check_name(rule: str, name: str) -> list[str]:
    """The complaints about an object's name; `rule` is `Kind.name_rule`: subdomain, label, label-1035 or path."""
    return _RULES[rule][0](name)


def check_generate_name(rule: str, base: str) -> list[str]:
    """The complaints about a `generateName`, to which characters are added: it may end in a dash."""
    masked = base[:-2] + "a" if rule != "path" and len(base) > 1 and base.endswith("-") else base
    return _RULES[rule][1](masked)


__all__ = [
    "check_generate_name",
    "check_name",
    "is_c_identifier",
    "is_data_key",
    "is_environment_variable",
    "is_label",
    "is_label_1035",
    "is_label_value",
    "is_path_segment",
    "is_port_name",
    "is_port_number",
    "is_qualified_name",
    "is_subdomain",
    "not_in_range",
    "not_matching",
    "too_many_bytes",
    "too_many_characters",
]
