"""Reading source systems; the only room that calls out."""
