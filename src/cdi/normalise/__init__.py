"""One raw value in, one canonical value out; no database, no clock."""
