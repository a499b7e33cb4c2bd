"""The only floor that knows SQL; tables and the queries on them side by side."""
