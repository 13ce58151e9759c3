"""The Status that the API answers when it has no object to give, as exceptions.

One class for each reason that code has to tell apart. Texts are upstream's where clients match on them
(apimachinery/pkg/api/errors/errors.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labkit.kube.objects import Obj


class ApiError(Exception):
    """An answer other than success: `code` and `reason` as upstream has them, `message` for people, `details` for programs."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        reason: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = self.code if code is None else code
        self.status_reason = self.reason if reason is None else reason
        self.details: dict[str, Any] = dict(details or {})
        self._shows_details = details is not None  # upstream also sends empty ones
        self.headers: dict[str, str] = dict(headers or {})

    def status(self) -> Obj:
        """The Status object as sent over the wire."""
        body: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        if self.status_reason:
            body["reason"] = self.status_reason
        if self.details or self._shows_details:
            body["details"] = dict(self.details)
        body["code"] = self.status_code
        return body

    def _render_traceback_(self) -> list[str]:
        """How a notebook shows it: the server's answer as a sentence, no traceback. IPython asks for this."""
        return [f"{self.status_code} {self.status_reason}: {self.message}"]

    def has_cause(self, reason: str) -> bool:
        """Whether a cause of this type is among the details."""
        return any(cause.get("reason") == reason for cause in self.details.get("causes", ()))


class BadRequest(ApiError):
    """400: the request itself is wrong."""

    code, reason = 400, "BadRequest"


class Unauthorized(ApiError):
    """401: the credentials are missing or not accepted. Says no more, so that nothing leaks."""

    code, reason = 401, "Unauthorized"

    def __init__(self, message: str = "Unauthorized") -> None:
        super().__init__(message)


class Forbidden(ApiError):
    """403: known, and not allowed; or refused by admission."""

    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    """404: there is no such object."""

    code, reason = 404, "NotFound"


class MethodNotSupported(ApiError):
    """405: the resource has no such verb."""

    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(ApiError):
    """406: no representation that the client accepts."""

    code, reason = 406, "NotAcceptable"


class Conflict(ApiError):
    """409: the object is no longer what the request took it for."""

    code, reason = 409, "Conflict"


class AlreadyExists(ApiError):
    """409: the name is taken."""

    code, reason = 409, "AlreadyExists"


class Expired(ApiError):
    """410: that resourceVersion or continue token is too old."""

    code, reason = 410, "Expired"


class UnsupportedMediaType(ApiError):
    """415: a body in a form that the server does not read."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    """422: the object breaks a rule; `details.causes` says which fields."""

    code, reason = 422, "Invalid"


class InternalError(ApiError):
    """500: the server could not do it."""

    code, reason = 500, "InternalError"


class ServerTimeout(ApiError):
    """500 with a reason of its own: the server could not do it in time; the client is to try again after a while."""

    code, reason = 500, "ServerTimeout"


class NotImplementedHere(ApiError):
    """501: Kubernetes has this and the embedded cluster has not; said, never guessed. `docs/differences.md` lists them."""

    code, reason = 501, "NotImplemented"


def resource_details(resource: str, name: str = "") -> dict[str, Any]:
    """`details` that name an object: `roles.rbac.authorization.k8s.io` becomes group and kind."""
    kind, _, group = resource.partition(".")
    found: dict[str, Any] = {}
    if name:
        found["name"] = name
    if group:
        found["group"] = group
    if kind:
        found["kind"] = kind
    return found


def not_found(resource: str, name: str) -> NotFound:
    """`pods "x" not found`."""
    return NotFound(f'{resource} "{name}" not found', details=resource_details(resource, name))


def already_exists(resource: str, name: str) -> AlreadyExists:
    """`pods "x" already exists`."""
    return AlreadyExists(f'{resource} "{name}" already exists', details=resource_details(resource, name))


def conflict(resource: str, name: str, why: str) -> Conflict:
    """`Operation cannot be fulfilled on pods "x": why`."""
    return Conflict(f'Operation cannot be fulfilled on {resource} "{name}": {why}', details=resource_details(resource, name))


def modified(resource: str, name: str) -> Conflict:
    """The 409 of a stale resourceVersion."""
    return conflict(resource, name, "the object has been modified; please apply your changes to the latest version and try again")


def forbidden(resource: str, name: str, why: str) -> Forbidden:
    """`pods "x" is forbidden: why`; without a resource `forbidden: why`, without a name `pods is forbidden: why`."""
    if not resource:
        message = f"forbidden: {why}"
    elif not name:
        message = f"{resource} is forbidden: {why}"
    else:
        message = f'{resource} "{name}" is forbidden: {why}'
    return Forbidden(message, details=resource_details(resource, name))


def server_timeout(resource: str, operation: str, seconds: int, message: str = "") -> ServerTimeout:
    """`The get operation against pods could not be completed at this time, please try again.`, or `message`; `seconds` are to be waited."""
    text = message or f"The {operation} operation against {resource} could not be completed at this time, please try again."
    details = {**resource_details(resource, operation), "retryAfterSeconds": seconds}
    return ServerTimeout(text, details=details, headers={"Retry-After": str(seconds)})


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that breaks a rule: upstream's `field.Error`. `type` is the cause's reason, such as FieldValueInvalid."""

    type: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def _shown(value: Any) -> str:
    if isinstance(value, str | list | dict):
        import json  # strings are shown as Go's %q shows them, which for names and texts is JSON's form

        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def field_required(field: str, detail: str = "") -> FieldError:
    """`spec.x: Required value`, with `: detail` where there is one."""
    return FieldError("FieldValueRequired", field, "Required value" + (f": {detail}" if detail else ""))


def field_invalid(field: str, value: Any, detail: str) -> FieldError:
    """`spec.x: Invalid value: "v": detail`."""
    return FieldError("FieldValueInvalid", field, f"Invalid value: {_shown(value)}: {detail}")


def field_forbidden(field: str, detail: str) -> FieldError:
    """`spec.x: Forbidden: detail`."""
    return FieldError("FieldValueForbidden", field, f"Forbidden: {detail}")


def field_duplicate(field: str, value: Any) -> FieldError:
    """`spec.x: Duplicate value: "v"`."""
    return FieldError("FieldValueDuplicate", field, f"Duplicate value: {_shown(value)}")


def field_not_found(field: str, value: Any) -> FieldError:
    """`spec.x: Not found: "v"`."""
    return FieldError("FieldValueNotFound", field, f"Not found: {_shown(value)}")


def field_unsupported(field: str, value: Any, supported: Iterable[str]) -> FieldError:
    """`spec.x: Unsupported value: "v": supported values: "a", "b"`."""
    listed = ", ".join(_shown(item) for item in supported)
    return FieldError("FieldValueNotSupported", field, f"Unsupported value: {_shown(value)}: supported values: {listed}")


def field_too_long(field: str, limit: int) -> FieldError:
    """`spec.x: Too long: may not be more than n bytes`."""
    return FieldError("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def invalid(kind: str, name: str, errors: Sequence[FieldError], group: str = "") -> Invalid:
    """`Pod "x" is invalid: …`: one error as it is, several in brackets, as upstream aggregates them."""
    qualified = f"{kind}.{group}" if group else kind
    texts = list(dict.fromkeys(str(error) for error in errors))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    details["causes"] = [{"reason": error.type, "message": error.message, "field": error.field} for error in errors]
    return Invalid(f'{qualified} "{name}" is invalid: {text}', details=details)


def error_from_status(status: Mapping[str, Any]) -> ApiError:
    """The exception for a Status that came over the wire, so that a rule on a real cluster catches the same classes."""
    code, reason = int(status.get("code") or 500), str(status.get("reason") or "")
    kinds: dict[str, type[ApiError]] = {kind.reason: kind for kind in ApiError.__subclasses__()}
    kind = kinds.get(reason, ApiError)
    message = str(status.get("message") or "")
    if kind is Unauthorized:
        return Unauthorized(message)
    return kind(message, code=code, reason=reason, details=status.get("details"))
