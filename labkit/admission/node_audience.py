"""For which audiences a node may ask for tokens: those that the Pod's volumes name, or that RBAC lets it ask for (NOD-3, NOD-4)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from labkit.admission.request import AdmissionRequest
from labkit.kube.access import Attributes
from labkit.kube.calls import Rule, find
from labkit.kube.objects import Obj, dig, name_of, namespace_of
from labkit.kube.scope import Scope
from labkit.kube.status import NotFound
from labkit.resources.pod_references import projected_sources, volumes

VERB = "request-serviceaccounts-token-audience"

# Volume plugins of old that are served by a driver now (csi-translation-lib).
MIGRATED = {
    "awsElasticBlockStore": "ebs.csi.aws.com",
    "azureDisk": "disk.csi.azure.com",
    "azureFile": "file.csi.azure.com",
    "cinder": "cinder.csi.openstack.org",
    "gcePersistentDisk": "pd.csi.storage.gke.io",
    "portworxVolume": "pxd.portworx.com",
    "vsphereVolume": "csi.vsphere.vmware.com",
}


def audience_complaint(request: AdmissionRequest, audiences: Sequence[str], pod: Obj, scope: Scope) -> Rule[str]:
    """What is wrong with the audiences that a node asks for on behalf of `pod`; empty where nothing is.

    1. At most one audience; none is the empty one.
    2. A projected token source of the Pod that names exactly it, or a CSI driver that the Pod's volumes lead to and that asks for it.
    3. Otherwise the verb `request-serviceaccounts-token-audience` on the audience, for this account.
    """
    if len(audiences) > 1:
        return "node may only request 0 or 1 audiences"
    audience = audiences[0] if audiences else ""
    try:
        if (yield from _referenced(pod, audience)):
            return ""
    except NotFound as missing:
        return f"error validating audience {json.dumps(audience)}: {missing.message}"
    wanted = Attributes(scope.user, VERB, resource=audience, name=request.name, namespace=request.namespace)
    if request.authorize is not None and (yield from request.authorize(wanted, scope)).allowed:
        return ""
    who = scope.user.name
    if scope.era.since("1.37"):
        return f"{who} is not authorized to request tokens for audience {json.dumps(audience)}"
    return f"audience {json.dumps(audience)} not found in pod spec volume, {who} is not authorized to request tokens for this audience"


def _referenced(pod: Obj, audience: str) -> Rule[bool]:
    """Whether a volume of the Pod names the audience. What cannot be resolved only counts where nothing else names it."""
    missing: list[str] = []
    for volume in volumes(pod):
        for source in projected_sources(volume):
            token = source.get("serviceAccountToken")
            if token is not None and (token.get("audience") or "") == audience:
                return True
        try:
            driver = yield from _driver_of(pod, volume)
            if driver and (yield from _driver_asks(driver, audience)):
                return True
        except NotFound as error:
            missing.append(error.message)
    if missing:
        raise NotFound(missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]")
    return False


def _driver_of(pod: Obj, volume: Obj) -> Rule[str]:
    """The CSI driver behind a volume, or an empty string."""
    if dig(volume, "ephemeral", "volumeClaimTemplate") is not None:
        return (yield from _driver_of_claim(namespace_of(pod), f"{name_of(pod)}-{volume.get('name')}"))
    if claim := dig(volume, "persistentVolumeClaim", "claimName"):
        return (yield from _driver_of_claim(namespace_of(pod), claim))
    if driver := dig(volume, "csi", "driver"):
        return str(driver)
    return next((driver for plugin, driver in MIGRATED.items() if volume.get(plugin) is not None), "")


def _driver_of_claim(namespace: str, name: str) -> Rule[str]:
    claim = yield from _existing("persistentvolumeclaims", "persistentvolumeclaim", name, namespace)
    volume_name = dig(claim, "spec", "volumeName", default="")
    if not volume_name:
        return ""
    volume = yield from _existing("persistentvolumes", "persistentvolume", volume_name)
    if driver := dig(volume, "spec", "csi", "driver"):
        return str(driver)
    return next((driver for plugin, driver in MIGRATED.items() if dig(volume, "spec", plugin) is not None), "")


def _driver_asks(name: str, audience: str) -> Rule[bool]:
    driver = yield from _existing("csidrivers.storage.k8s.io", "csidriver.storage.k8s.io", name)
    return any((wanted.get("audience") or "") == audience for wanted in dig(driver, "spec", "tokenRequests", default=()))


def _existing(resource: str, singular: str, name: str, namespace: str = "") -> Rule[Obj]:
    found = yield from find(resource, name, namespace)
    if found is None:
        raise NotFound(f"{singular} {json.dumps(name)} not found")
    return found
