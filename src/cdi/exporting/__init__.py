"""Profiles and changes as files for other programs, whole or only what became different since the last time."""

from cdi.exporting.clearing import clear, waits
from cdi.exporting.files import Format
from cdi.exporting.state import Since, known_state, since
from cdi.exporting.writing import Exported, Terms, export_changes, export_profiles

__all__ = [
    "Exported",
    "Format",
    "Since",
    "Terms",
    "clear",
    "export_changes",
    "export_profiles",
    "known_state",
    "since",
    "waits",
]
