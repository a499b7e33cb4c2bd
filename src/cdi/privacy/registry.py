"""Every column and every kind of file that can hold personal data, with how erasure reaches it; and every other one, so
that a new one must be put somewhere before a test lets it pass."""

from collections.abc import Mapping
from typing import Final

PERSONAL: Final[Mapping[str, Mapping[str, str]]] = {
    "record": {
        "key": "emptied: the row stays without a name, for what points to it",
        "content_hash": "emptied",
        "held_hash": "emptied",
    },
    "record_version": {"native": "the row is deleted", "content_hash": "the row is deleted", "derived_from": "an id"},
    "meaning": {"canonical": "the row is deleted"},
    "normalised": {"card": "the row is deleted when the record is resolved as gone"},
    "handle": {"value": "the row is deleted when the record is resolved as gone"},
    "block_key": {"key": "the row is deleted when the record is resolved as gone"},
    "profile": {
        "document": "scrubbed to id, kind and owner when the profile ends; built anew while others are in it",
        "content_hash": "emptied with the document",
    },
    "profile_version": {"document": "versions that name one of the records are deleted"},
    "profile_search": {"words": "the row is deleted with the profile", "parts": "the row is deleted with the profile"},
    "touchpoint": {"customer_key": "the row is deleted", "document": "the row is deleted"},
    "touchpoint_closing": {"outcome": "the row is deleted"},
    "consent": {"customer_key": "the row is deleted", "document": "the row is deleted"},
    "consent_word": {"document": "the row is deleted"},
    "consent_review": {"reason": "emptied"},
    "pin": {
        "value": "the row is deleted",
        "reason": "the row is deleted",
        "while_version": "an id; the row is deleted",
    },
    "assigned_owner": {"reason": "the row is deleted"},
    "decision": {"reason": "emptied: that records were kept together or apart stays", "revoked_reason": "emptied"},
    "review_note": {"said": "emptied"},
    "task": {"said": "emptied, and the task closed", "answer": "emptied"},
    "conflict": {"detail": "emptied", "key": "closed when the record is resolved as gone: names of attributes and ids"},
    "legal_hold": {"reason": "emptied; one that stands forbids the erasure", "lifted_reason": "emptied"},
    "rejected": {
        "key": "rows with a key of the customer are deleted",
        "native": "rows of their sources that hold a key or an identifier of the customer are deleted",
        "content_hash": "the row is deleted",
    },
    "idempotency": {
        "key": "all of the sources concerned are deleted: what is pushed again is known by its content",
        "asked": "deleted with it",
        "answer": "deleted with it",
    },
    "scan_key": {"key": "the row is deleted"},
    "correction": {"said": "the row is deleted, and the request closed"},
    "customer_link": {"hash": "the row is deleted", "session": "the row is deleted"},
}
"""By table and column, how erasure reaches what is in it."""

NOT_PERSONAL: Final[Mapping[str, str]] = {
    "api_key": "who may ask: names of applications",
    "applied_mapping": "which mapping was applied",
    "audit_cut": "where the audit log was cut: numbers and a hash of the chain",
    "audit_entry": "ids, names of actions and actors; it is appended to and never changed",
    "carried": "ids",
    "checkpoint": "how far a stream was read: the position that its source gave",
    "departure": "sign-ins of users that are under way",
    "deputy": "stewards",
    "derivation": "fingerprints of rules",
    "desk_session": "users of the desk; the next lines of theirs name no customer",
    "desk_user": "users of the desk",
    "erased_mark": "keyed hashes, whose key is not in the database",
    "erasure": "what proves an erasure",
    "feed": "ids, names of attributes and owners",
    "feed_counter": "a number",
    "job": "names and times of jobs",
    "membership": "ids",
    "merge_sample": "how a sample was drawn",
    "model": "frequencies of values that at least five records carry, and hashes of values that strangers share",
    "model_study": "figures and ids of profiles that a model would change",
    "model_drift": "hashes of values that strangers share, and of blocks",
    "pair": "ids and weights",
    "privacy_request": "ids, codes and counts",
    "received_delivery": "that a delivery came: the vendor's id of it and a hash of all of it",
    "redo": "ids",
    "rerun": "figures",
    "restricted_record": "ids and names of purposes",
    "retention_evidence": "ids and rules",
    "retention_mark": "keyed hashes, whose key is not in the database",
    "review": "ids, weights, reasons from a fixed list",
    "sampled_pair": "ids and verdicts",
    "saved_filter": "owners, kinds and sources that a steward filters by",
    "sign_in_failure": "users of the desk",
    "sign_in_link": "users of the desk",
    "sync_run": "figures",
    "unmapped": "ids",
    "webhook": "subscriptions of applications",
    "webhook_delivery": "ids of what is to be delivered; what is sent is read when it is sent",
}
"""Tables whose other columns can hold nothing of a customer, and what they hold."""

HARMLESS: Final[Mapping[str, frozenset[str]]] = {
    "record": frozenset({"source", "stream", "kind"}),
    "record_version": frozenset({"op"}),
    "normalised": frozenset({"source"}),
    "handle": frozenset({"type"}),
    "profile": frozenset({"kind", "data_owner", "sources", "retired_reason", "closed_to"}),
    "touchpoint": frozenset({"source", "type", "channel"}),
    "touchpoint_closing": frozenset({"author"}),
    "consent": frozenset({"source", "purpose", "channel", "status"}),
    "consent_word": frozenset({"purpose", "channel", "status"}),
    "consent_review": frozenset({"purpose", "channel", "author"}),
    "pin": frozenset({"attribute", "author", "revoked_by"}),
    "assigned_owner": frozenset({"owner", "author"}),
    "decision": frozenset({"verdict", "author", "awaits", "agreed_by", "revoked_by"}),
    "review_note": frozenset({"kind", "author", "steward"}),
    "task": frozenset({"kind", "owner", "attribute", "author", "closed_by"}),
    "conflict": frozenset({"kind", "attribute", "owners", "status", "closed_reason"}),
    "legal_hold": frozenset({"author", "lifted_by"}),
    "rejected": frozenset({"source", "stream", "reason"}),
    "idempotency": frozenset({"caller", "route"}),
    "scan_key": frozenset({"stream"}),
    "correction": frozenset({"attribute"}),
    "customer_link": frozenset({"made_by"}),
}
"""Columns with words in tables with personal data that hold none themselves: names from cdi.yaml, kinds, who did it."""

FILES: Final[Mapping[str, str]] = {
    "var/postgres": "the embedded database: its tables are above; freed pages are written over by and by",
    "var/erasures.jsonl": "ids and keyed hashes; never deleted from",
    "var/privacy.key, var/webhook.key": "keys",
    "logs": "ids, never a value",
    "cdi db backup FILE": "the operator's: what was erased since is erased again when it is restored",
    "cdi export FILES": "the operator's: the next export and the feed say who was erased",
    "cdi model export FILE": "as the table model",
    "cdi dedupe OUT": "the operator's own file in, the operator's own file out",
}
"""Kinds of files that this program writes."""
