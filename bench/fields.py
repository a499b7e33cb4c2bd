"""The columns and threads that both engines are given, and what they say. By itself, so that a run loads nothing that
makes records or watches runs."""

DONE = "result written"
THREADS = "2"

FIELDS = (
    "source",
    "gender",
    "given",
    "initials",
    "family",
    "birth",
    "email",
    "mobile",
    "landline",
    "street",
    "number",
    "postal_code",
    "city",
)
