"""A run of the notebooks that is nobody's lesson: the tests, and storing outputs anew."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.clusters.info import ClusterInfo

__all__ = ["cluster_for_run"]


@contextmanager
def cluster_for_run(cluster: str, build: Path, say: Callable[[str], None]) -> Iterator[ClusterInfo]:
    """A cluster, with a home and a session of the run's own, told to the kernels by the environment.

    A learner's attempts and namespaces are not touched, and two runs on one cluster do not meet. At the end the home is gone, and so is the
    cluster if it was started here.
    """
    from labkit.clusters import open_cluster

    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="home-", dir=build, ignore_cleanup_errors=True) as home:
        os.environ |= {"LABKIT_CLUSTER": cluster, "LABKIT_HOME": home, "LABKIT_SESSION": secrets.token_hex(4)}
        with open_cluster(cluster, say=say) as running:
            # No command in a cell finds the user's own cluster by accident.
            os.environ["KUBECONFIG"] = str(running.kubeconfig)
            yield running
