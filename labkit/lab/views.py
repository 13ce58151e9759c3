"""Objects as a lesson sees them: the API's JSON, read-only, with attributes for what is asked most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from labkit.kube import objects
from labkit.kube.objects import Obj


class MissingKey(AttributeError):
    """An object has no such field; the message names those that it has."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class View(dict[str, Any]):
    """An object, or a part of one. It is the dict that JSON has, so `view["spec"]["nodeName"]` works; so does `view.spec.nodeName`.

    A key that is missing is a `MissingKey`, which names the keys that are there; ask for what may be missing with `.get("…")`. A view
    cannot be changed: `copy()` gives a plain dict that can.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """`metadata.name`, or the key `name` of a part."""
        return objects.name_of(self) or str(self.get("name") or "")

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for what is in no namespace."""
        return objects.namespace_of(self)

    @property
    def uid(self) -> str:
        """`metadata.uid`, or the key `uid` of a part."""
        return objects.uid_of(self) or str(self.get("uid") or "")

    @property
    def labels(self) -> dict[str, str]:
        """`metadata.labels`."""
        return View(objects.labels_of(self))

    @property
    def annotations(self) -> dict[str, str]:
        """`metadata.annotations`."""
        return View(objects.annotations_of(self))

    def __getattr__(self, key: str) -> Any:
        if key in self:
            return view(self[key])
        if key.startswith("_"):  # what IPython and copy ask every object for
            raise AttributeError(key)
        raise MissingKey(f"There is no {key!r} here; there are: {', '.join(sorted(self)) or 'no keys at all'}.")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(key for key in self if key.isidentifier())})

    def copy(self) -> Obj:
        """A deep copy as a plain dict, to change and to send."""
        copied: Obj = objects.copy(dict(self))
        return copied

    def yaml(self) -> str:
        """The object as YAML, as `kubectl get -o yaml` prints it: without `managedFields`."""
        import yaml

        shown = self.copy()
        objects.meta(shown).pop("managedFields", None)
        text: str = yaml.safe_dump(shown, default_flow_style=False, allow_unicode=True, width=100)
        return text

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What a notebook shows for an object at the end of a cell."""
        from labkit.lab.masking import mask

        printer.text("…" if cycle else mask(self.yaml()).rstrip("\n"))

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this is a view of what the server said; change a .copy() and send that")

    # A dict's own methods have other signatures, and none of them is ever to be called.
    __setitem__ = __delitem__ = update = pop = popitem = clear = setdefault = _refuse
    __ior__ = _refuse


def view(value: Any) -> Any:
    """`value` with its dicts as views, one level at a time."""
    if isinstance(value, View):
        return value
    if isinstance(value, Mapping):
        return View(value)
    if isinstance(value, list):
        return [view(item) for item in value]
    return value
