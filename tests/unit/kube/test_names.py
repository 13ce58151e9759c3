"""Names and what is said of bad ones."""

from __future__ import annotations

import pytest

from labkit.kube import names

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric"
    " character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
KEY = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    " (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'example.com', regex used for validation is"
    r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


@pytest.mark.parametrize(
    ("check", "value", "complaints"),
    [
        pytest.param(names.is_label, "a-1", [], id="label"),
        pytest.param(names.is_label, "a.b", ["must not contain dots"], id="label-dots"),
        pytest.param(names.is_label, "A", [LABEL], id="label-capital"),
        pytest.param(names.is_label, "", [LABEL], id="label-empty"),
        pytest.param(names.is_label, "a\n", [LABEL], id="label-newline"),
        pytest.param(names.is_label, "a" * 64, ["must be no more than 63 characters"], id="label-long"),
        pytest.param(names.is_subdomain, "a.b-c", [], id="subdomain"),
        pytest.param(names.is_subdomain, "a..b", [SUBDOMAIN], id="subdomain-empty-part"),
        pytest.param(names.is_subdomain, "a" * 254, ["must be no more than 253 characters"], id="subdomain-long"),
        pytest.param(names.is_path_segment, "With blanks: and ü", [], id="path"),
        pytest.param(names.is_path_segment, "..", ["may not be '..'"], id="path-dots"),
        pytest.param(names.is_path_segment, "a/b%", ["may not contain '/'", "may not contain '%'"], id="path-slash"),
        pytest.param(names.is_qualified_name, "example.com/A_b.c", [], id="key"),
        pytest.param(names.is_qualified_name, "/a", ["prefix part must be non-empty"], id="key-no-prefix"),
        pytest.param(names.is_qualified_name, "example.com/", ["name part must be non-empty", f"name part {KEY}"], id="key-no-name"),
        pytest.param(names.is_qualified_name, "Example.com/a", [f"prefix part {SUBDOMAIN}"], id="key-capital-prefix"),
        pytest.param(names.is_qualified_name, "a" * 64, ["name part must be no more than 63 bytes"], id="key-long"),
        pytest.param(
            names.is_qualified_name,
            "a/b/c",
            [f"a valid label key {KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"],
            id="key-two-slashes",
        ),
        pytest.param(names.is_label_value, "", [], id="value-empty"),
        pytest.param(names.is_label_value, "a" * 64, ["must be no more than 63 bytes"], id="value-long"),
        pytest.param(names.is_data_key, ".key", [], id="T-VAL-12"),
        pytest.param(names.is_data_key, ".", ["must not be '.'"], id="T-VAL-13"),
        pytest.param(names.is_data_key, "..", ["must not be '..'"], id="T-VAL-14"),
        pytest.param(names.is_data_key, "..a", ["must not start with '..'"], id="data-key-two-dots"),
        pytest.param(names.is_environment_variable, "a b.C-1", [], id="variable"),
        pytest.param(
            names.is_environment_variable,
            "a=b",
            ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
            id="variable-equals",
        ),
        pytest.param(names.is_port_name, "http-1", [], id="port"),
        pytest.param(
            names.is_port_name, "1--2", ["must contain at least one letter (a-z)", "must not contain consecutive hyphens"], id="port-bad"
        ),
    ],
)
def test_checks(check: names.NameCheck, value: str, complaints: list[str]) -> None:
    assert check(value) == complaints


@pytest.mark.parametrize(
    ("rule", "base", "good"),
    [
        pytest.param("subdomain", "foo-", True, id="T-REG-3"),
        pytest.param("subdomain", "foo.", False, id="dot-at-the-end"),
        pytest.param("label", "-", False, id="dash-alone"),
        pytest.param("path", "..", True, id="path-prefix"),
    ],
)
def test_bases_of_generated_names_may_end_in_a_dash(rule: str, base: str, good: bool) -> None:
    assert (not names.check_generate_name(rule, base)) is good
