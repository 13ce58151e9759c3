from tests.unit.clusters.fixtures import home, stub

__all__ = ["home", "stub"]
