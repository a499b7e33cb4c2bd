"""The columns that both engines are given. By itself, so that a run loads nothing that makes records."""

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
