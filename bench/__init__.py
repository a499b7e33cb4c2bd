"""Measurements: the program reads nothing from here, and nothing here is part of the wheel."""
