"""The same commands, in the same order, on a real cluster and on the embedded one: what kubectl prints is the same text, normalised."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit.clusters import kubectl_path
from labkit.clusters.embedded import launch
from labkit.kube.randomness import suffix
from labkit.lab.normalise import normalise
from labkit.machinery.randomness import SystemRandomness

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

FILES = "/var/run/secrets/kubernetes.io/serviceaccount"
POD = "run p --image=labkit.local/tools:1 --image-pull-policy=Never"
COMMANDS = """
get sa,pods,secrets
create sa x
create sa x
create sa Bad_Name
create token x
create token nobody
get sa x
get sa nobody
describe sa x
auth whoami
auth can-i list pods
auth can-i list pods --as=system:serviceaccount:NAMESPACE:x
auth can-i --list --as=system:serviceaccount:NAMESPACE:x
get sa x -o yaml
label sa x team=blue
annotate sa x note=text
get sa --show-labels
get sa -l team=blue
get sa --field-selector=metadata.name=x
get sa --field-selector=metadata.colour=x
patch sa x -p {"automountServiceAccountToken":false}
patch sa x -p {"nonsense":1}
patch sa x --type=json -p [{"op":"test","path":"/metadata/name","value":"y"}]
RUN
wait --for=condition=Ready pod/p --timeout=60s
get pods
get pod p -o jsonpath={.spec.serviceAccountName}{.spec.volumes[0].projected.sources}
get sa,pods,secrets
patch pod p -p {"spec":{"serviceAccountName":"x"}}
exec p -- cat FILES/namespace
exec p -- ls -1 FILES
exec p -- cat /nothing
exec p -- id
exec p -- stat -L -c %a,%u,%g FILES/token
exec p -- nonsense
logs p
run ghost --image=labkit.local/tools:1 --overrides={"spec":{"serviceAccountName":"ghost"}}
create secret generic s --from-literal=a=b
get secret s -o yaml
describe secret s
get secrets,configmaps
create role r --verb=get --resource=pods
create rolebinding r --role=r --serviceaccount=NAMESPACE:x
auth can-i get pods --as=system:serviceaccount:NAMESPACE:x
get role,rolebinding
describe rolebinding r
delete sa default --wait=false
delete pod p
delete sa x
get sa x
""".strip().splitlines()


@dataclass(frozen=True)
class Both:
    """A real cluster and an embedded one, with a namespace of the same name in each."""

    namespace: str
    kubeconfigs: dict[str, Path]
    cache: Path

    def kubectl(self, cluster: str, *arguments: str) -> str:
        """What a command prints, and its exit code."""
        own = {key: value for key, value in os.environ.items() if key not in ("KUBECONFIG", "KUBERC")}
        common = [str(kubectl_path()), f"--kubeconfig={self.kubeconfigs[cluster]}", f"--cache-dir={self.cache / cluster}"]
        done = subprocess.run(
            [*common, f"--namespace={self.namespace}", *arguments],
            env=own | {"LC_ALL": "C", "KUBERC": "off"},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return f"{done.stdout}{done.stderr}[exit {done.returncode}]"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both clusters; the namespaces go with the fixture, and so does the embedded cluster."""
    home = tmp_path_factory.mktemp("home")
    info, _ = launch.start(home, f"t-{secrets.token_hex(3)}")
    namespace = f"lesson-90-{suffix(SystemRandomness())}"
    found = Both(namespace, {"real": Path(os.environ["KUBECONFIG"]), "embedded": info.kubeconfig}, home)
    try:
        for cluster in found.kubeconfigs:
            found.kubectl(cluster, "create", "namespace", namespace)
            ready = found.kubectl(cluster, "wait", "--for=create", "serviceaccount/default", "configmap/kube-root-ca.crt", "--timeout=30s")
            assert ready.endswith("[exit 0]"), ready
        yield found
    finally:
        found.kubectl("real", "delete", "namespace", namespace, "--wait=false")
        launch.stop(home, info.name, purge=True)


def _compared(text: str) -> str:
    """Normalised, and without the ids that a container runtime makes up, which no lesson shows."""
    return re.sub(r"\b[0-9a-f]{64}\b", "CONTAINER", normalise(text))


def test_kubectl_prints_the_same(both: Both) -> None:
    different = []
    for line in COMMANDS:
        command = POD if line == "RUN" else line
        command = command.replace("NAMESPACE", both.namespace).replace("FILES", FILES)
        real, embedded = (_compared(both.kubectl(cluster, *command.split(" "))) for cluster in ("real", "embedded"))
        if real != embedded:
            different.append(f"$ kubectl {command}\n--- real\n{real}\n--- embedded\n{embedded}")
    assert not different, "\n\n".join(different)
