"""Records in, weights and their reasons out; columns and arrays, no SQL."""
