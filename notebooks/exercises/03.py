"""Exercises of lesson 03."""

from labkit.kube.status import NotFound
from labkit.lab.exercises import EMPTY, Exercise, Wrong
from labkit.lab.lab import Lab


def courier(lab: Lab) -> str | None:
    try:
        pod = lab.get("pods", "courier")
    except NotFound:
        if lab.exists("serviceaccounts", "courier"):
            return "the account is there; the Pod is not."
        return EMPTY
    account = pod.spec.serviceAccountName
    if account != "courier":
        return f"the Pod runs as {account!r}. That cannot be changed any more: delete the Pod, and make it anew."
    return None


IMAGE = "--image=labkit.local/tools:1 --image-pull-policy=Never"
AS_COURIER = '{"spec": {"serviceAccountName": "courier"}}'
POD = (
    '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "courier"}, "spec": {"serviceAccountName": "courier",\n'
    '    "containers": [{"name": "courier", "image": "labkit.local/tools:1", "imagePullPolicy": "Never"}]}}'
)

EXERCISES = (
    Exercise(
        name="courier",
        check=courier,
        hints=(
            "An account has to be there before the Pod that names it. Begin with the account.",
            "Take manifests/robot.yaml as a pattern: name and serviceAccountName both become courier.",
            "`%kubectl create serviceaccount courier`, then `%%kubectl create -f -` in its own cell, and below it the manifest.",
        ),
        solution=f"%kubectl create serviceaccount courier\nlab.create({POD})",
        praise="The Pod courier runs as the account courier, and nobody else does.",
        also_right=(f"%kubectl create serviceaccount courier\n%kubectl run courier {IMAGE} --overrides='{AS_COURIER}'",),
        wrong=(
            Wrong("", says="Nothing to check yet"),
            Wrong("%kubectl create serviceaccount courier", says="the Pod is not"),
            Wrong(f"%kubectl run courier {IMAGE}", says="runs as 'default'"),
            Wrong(
                f"%kubectl create serviceaccount courier\n%kubectl run courier {IMAGE}\n%kubectl patch pod courier -p '{AS_COURIER}'",
                says="cannot be changed any more",
            ),
        ),
    ),
)
