"""Admission: the plugins that change or refuse what is about to be stored, in upstream's order."""

from __future__ import annotations

from labkit.admission.chain import DEFAULT_PLUGINS, PLUGINS, admit, validate
from labkit.admission.request import AdmissionRequest, Operation, Plugin

__all__ = ["DEFAULT_PLUGINS", "PLUGINS", "AdmissionRequest", "Operation", "Plugin", "admit", "validate"]
