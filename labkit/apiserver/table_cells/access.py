"""Cells of RoleBindings and ClusterRoleBindings."""

from __future__ import annotations

from labkit.apiserver.table_cells.moment import Cell, Moment
from labkit.kube.objects import Obj, dig, name_of


def binding(obj: Obj, at: Moment) -> list[Cell]:
    """Name, role, age; wide: users, groups, accounts."""
    users, groups, accounts = [], [], []
    for subject in obj.get("subjects") or ():
        name = subject.get("name", "")
        match subject.get("kind"):
            case "User":
                users.append(name)
            case "Group":
                groups.append(name)
            case "ServiceAccount":
                accounts.append(f"{subject.get('namespace', '')}/{name}")
    role = f"{dig(obj, 'roleRef', 'kind', default='')}/{dig(obj, 'roleRef', 'name', default='')}"
    return [name_of(obj), role, at.age(obj), *(", ".join(found) for found in (users, groups, accounts))]
