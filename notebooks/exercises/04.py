"""Exercises of lesson 04."""

from labkit.kube.status import NotFound
from labkit.lab.exercises import EMPTY, Exercise, Wrong
from labkit.lab.lab import Lab


def gateway(lab: Lab) -> str | None:
    closed = lab.get("serviceaccounts", "default").get("automountServiceAccountToken") is False
    try:
        pod = lab.get("pods", "gateway")
    except NotFound:
        return "the door is closed; now for the Pod gateway, which asks for its credentials." if closed else EMPTY
    if pod.spec.serviceAccountName != "default":
        return f"the Pod gateway runs as {pod.spec.serviceAccountName!r}, and should run as 'default'."
    if not closed:
        return "the account default still gives credentials to everybody."
    if not any(volume["name"].startswith("kube-api-access-") for volume in pod.spec.get("volumes", ())):
        return "the Pod gateway has no credentials: it did not ask for them, or it is older than the account's setting."
    return None


IMAGE = "--image=labkit.local/tools:1 --image-pull-policy=Never"
NO, YES = '{"automountServiceAccountToken": false}', '{"spec": {"automountServiceAccountToken": true}}'
CLOSE = f"%kubectl patch serviceaccount default -p '{NO}'"
ASK = f"%kubectl run gateway {IMAGE} --overrides='{YES}'"
POD = (
    '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gateway"}, "spec": {\n'
    '    "automountServiceAccountToken": True,\n'
    '    "containers": [{"name": "app", "image": "labkit.local/tools:1", "imagePullPolicy": "Never"}]}}'
)

EXERCISES = (
    Exercise(
        name="gateway",
        check=gateway,
        hints=(
            "Which of the two has the last word, the account or the Pod? The table above tells; each gets a value here.",
            "The account says false: `%kubectl patch serviceaccount default -p …`. The Pod says true, in its spec.",
            "The Pod is manifests/web.yaml with name gateway and, below spec, `automountServiceAccountToken: true`.",
        ),
        solution=f"{CLOSE}\n{ASK}",
        praise="Nobody gets credentials by default, and the one Pod that asks for them has them.",
        also_right=(f'lab.patch("serviceaccounts", "default", {{"automountServiceAccountToken": False}})\nlab.create({POD})',),
        wrong=(
            Wrong("", says="Nothing to check yet"),
            Wrong(CLOSE, says="the door is closed"),
            Wrong(ASK, says="still gives credentials to everybody"),
            Wrong(f"{CLOSE}\n%kubectl run gateway {IMAGE}", says="has no credentials"),
        ),
    ),
)
