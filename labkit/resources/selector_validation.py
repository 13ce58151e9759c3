"""Validation of the selectors that objects hold (apimachinery/pkg/apis/meta/v1/validation)."""

from __future__ import annotations

from labkit.kube.names import is_label_value, is_qualified_name
from labkit.kube.objects import Obj
from labkit.kube.status import FieldError, field_forbidden, field_invalid, field_required

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def selector_errors(selector: Obj, path: str) -> list[FieldError]:
    """What is wrong with a LabelSelector."""
    found = []
    for key, value in (selector.get("matchLabels") or {}).items():
        found += [field_invalid(f"{path}.matchLabels", key, why) for why in is_qualified_name(key)]
        found += [field_invalid(f"{path}.matchLabels", value, why) for why in is_label_value(value)]
    for number, expression in enumerate(selector.get("matchExpressions") or ()):
        found += expression_errors(expression, f"{path}.matchExpressions[{number}]")
    return found


def expression_errors(expression: Obj, path: str, *, unknown_operators: bool = False) -> list[FieldError]:
    """What is wrong with one LabelSelectorRequirement. With `unknown_operators`, an operator of a newer client passes."""
    key, operator, values = expression.get("key", ""), expression.get("operator", ""), expression.get("values") or ()
    found = []
    if operator in ("In", "NotIn") and not values:
        found.append(field_required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist") and values:
        found.append(field_forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    elif operator not in OPERATORS and not unknown_operators:
        found.append(field_invalid(f"{path}.operator", operator, "not a valid selector operator"))
    found += [field_invalid(f"{path}.key", key, why) for why in is_qualified_name(key)]
    for number, value in enumerate(values):
        found += [field_invalid(f"{path}.values[{number}]", value, why) for why in is_label_value(value)]
    return found


def field_expression_errors(expression: Obj, path: str) -> list[FieldError]:
    """What is wrong with one FieldSelectorRequirement; operators of newer clients pass."""
    operator, values = expression.get("operator", ""), expression.get("values") or ()
    found = []
    if not expression.get("key"):
        found.append(field_required(f"{path}.key", "must be specified"))
    if operator in ("In", "NotIn") and not values:
        found.append(field_required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist") and values:
        found.append(field_forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    return found
