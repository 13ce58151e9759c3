"""The forms of an answer that a client may prefer: rows and columns, metadata alone, or the object as it is."""

from __future__ import annotations

from dataclasses import replace

from labkit.apiserver.negotiation import wants_metadata, wants_table
from labkit.apiserver.reads import metadata_only
from labkit.apiserver.request import Request, Response
from labkit.apiserver.tables import table
from labkit.kube.objects import meta
from labkit.kube.scope import Scope
from labkit.resources.kinds import Kind


def shaped(request: Request, kind: Kind, answer: Response, scope: Scope) -> Response:
    """The answer in the form that its Accept header asks for."""
    accept, body = request.headers.get("accept", ""), answer.body
    if "as=" not in accept or not isinstance(body, dict) or body.get("kind") == "Status":
        return answer
    is_list = body.get("kind") == kind.list_kind
    items = body["items"] if is_list else [body]
    if wants_table(accept):
        rows = table(kind, items, scope.now, scope.era, include_object=request.param("includeObject", "Metadata"))
        rows["metadata"] = meta(body) if is_list else {"resourceVersion": meta(body).get("resourceVersion", "")}
        return replace(answer, body=rows)
    if wants_metadata(accept):
        if not is_list:
            return replace(answer, body=metadata_only(body))
        listed = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta(body)}
        return replace(answer, body={**listed, "items": [metadata_only(item) for item in items]})
    return answer
