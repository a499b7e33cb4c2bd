"""Golden values once more, written from the text of the rules (docs/golden-record.md) in the plainest way and
without a line of the product's. Knows no pins.

`records` have the attributes of RecordFacts, `rules` those of SurvivorshipRules.
"""

from datetime import UTC

SINGLE = ["kind", "gender", "language", "birth_date"]
SAME_IF = {  # parts that make two blocks the same value
    "name": ["salutation", "title", "given_name", "middle_name", "family_name", "suffix", "birth_name"],
    "organisation": ["name", "legal_form", "department"],
    "emails": ["value"],
    "phones": ["value"],
    "addresses": ["street", "house_number", "postal_code", "city", "country"],
    "identifiers": ["type", "value", "issuer"],
}
OTHERWISE_SAME_IF = {"name": ["full"], "addresses": ["extra", "region"]}
MORE_THAN_A_STUB = {
    "name": ["given_name", "middle_name", "family_name", "birth_name", "full"],
    "organisation": ["name"],
    "addresses": ["street", "postal_code", "city"],
}
CORE = {
    "name": ["given_name", "family_name"],
    "organisation": ["name"],
    "addresses": ["street", "house_number", "postal_code", "city"],
    "emails": ["value"],
    "phones": ["value"],
    "identifiers": ["type", "value", "issuer"],
}
DESCRIBES = {
    "name": [*SAME_IF["name"], "full"],
    "organisation": SAME_IF["organisation"],
    "addresses": ["street", "house_number", "extra", "postal_code", "city", "region", "country"],
    "emails": ["value"],
    "phones": ["value"],
    "identifiers": ["type", "value", "issuer"],
}
TIES = ["newest", "source order", "key order", "stream order", "record order", "listed first"]


def naive_golden(records, rules):
    golden = {}
    for attribute in [*SINGLE, *SAME_IF]:
        entry = golden_entry(attribute, records, rules_for(attribute, rules))
        if entry:
            golden[attribute] = entry
    custom = {}
    for name in {name for record in records for name in (record.canonical.get("attributes") or {})}:
        entry = golden_entry(f"attributes.{name}", records, rules_for(f"attributes.{name}", rules))
        if entry:
            custom[name] = entry
    if custom:
        golden["attributes"] = custom
    return golden


def rules_for(attribute, rules):
    for name in [attribute, attribute.split(".")[0]]:
        if name in rules.attributes:
            return list(rules.attributes[name])
    return list(rules.default)


def golden_entry(attribute, records, rules):
    statements = statements_about(attribute, records)
    if not statements:
        return None
    for statement in statements:
        holders = {other["record"].record_id for other in statements if in_the_main(other) == in_the_main(statement)}
        statement["frequency"] = len(holders)
    winner, reason = settle(statements, rules)
    entry = described(winner, statements, rules)
    entry["rule"] = "only value" if len(statements) == 1 else reason
    entry["alternatives"] = []
    rest = [s for s in statements if s["same"] != winner["same"]]
    while rest:
        next_best, _ = settle(rest, rules)
        entry["alternatives"].append(described(next_best, statements, rules))
        rest = [s for s in rest if s["same"] != next_best["same"]]
    return entry


def statements_about(attribute, records):
    statements = []
    for record in records:
        seen = []
        for place, raw in enumerate(values_in(attribute, record.canonical)):
            value = without_blanks(raw)
            if not says_something(attribute, value):
                continue
            same = what_it_is(attribute, value)
            if same not in seen:
                seen.append(same)
                statements.append(
                    {"attribute": attribute, "record": record, "value": value, "same": same, "place": place}
                )
    if attribute in MORE_THAN_A_STUB:
        better = [s for s in statements if any(s["value"].get(part) for part in MORE_THAN_A_STUB[attribute])]
        if better:
            statements = better
    said_by_originals = [s["same"] for s in statements if s["record"].derived_from is None]
    return [s for s in statements if s["record"].derived_from is None or s["same"] not in said_by_originals]


def values_in(attribute, canonical):
    if attribute.startswith("attributes."):
        return [(canonical.get("attributes") or {}).get(attribute[len("attributes.") :])]
    if attribute in ("emails", "phones", "addresses", "identifiers"):
        return canonical.get(attribute) or []
    return [canonical.get(attribute)]


def blank(value):
    return value is None or value == [] or value == {} or (isinstance(value, str) and value.strip() == "")


def without_blanks(value):
    if isinstance(value, dict):
        return {part: said for part, said in value.items() if not blank(said)}
    return value


def says_something(attribute, value):
    if attribute in ("emails", "phones", "identifiers"):
        return "value" in value
    if attribute in SAME_IF:
        return bool(set(value or {}) - {"use", "form", "verified", "shared"})
    return not blank(value)


def plain(value):
    return "" if value is None else " ".join(str(value).casefold().split())


def what_it_is(attribute, value):
    if attribute not in SAME_IF:
        return plain(value)
    parts = {part: plain(value.get(part)) for part in SAME_IF[attribute] if value.get(part)}
    return parts or {part: plain(value.get(part)) for part in OTHERWISE_SAME_IF[attribute] if value.get(part)}


def in_the_main(statement):
    if statement["attribute"] not in ("name", "organisation", "addresses"):
        return statement["same"]
    said = [plain(statement["value"].get(part)) for part in CORE[statement["attribute"]]]
    return said if any(said) else statement["same"]


def settle(statements, rules):
    """Rule after rule only the best statements stay; the rule after which one value is left has decided."""
    reason = "agreement" if one_value(statements) else None
    left = statements
    for name in [*rules, *(f"tie: {tie}" for tie in TIES)]:
        scores = [score(name.removeprefix("tie: "), statement) for statement in left]
        best = min(scores) if name.endswith(("order", "first", "oldest")) else max(scores)
        left = [statement for statement, its in zip(left, scores, strict=True) if its == best]
        if reason is None and one_value(left):
            reason = name
    return left[0], reason


def one_value(statements):
    return all(statement["same"] == statements[0]["same"] for statement in statements)


def score(name, statement):
    record, value = statement["record"], statement["value"]
    if name in ("newest", "oldest"):
        return record.observed_at
    if name == "most_complete":
        return said_in(statement)
    return {
        "validated": isinstance(value, dict) and value.get("verified") is True,
        "trust": record.trust,
        "most_frequent": statement["frequency"],
        "source order": record.source,
        "key order": record.key,
        "stream order": record.stream,
        "record order": record.record_id,
        "listed first": statement["place"],
    }[name]


def said_in(statement):
    attribute, value = statement["attribute"], statement["value"]
    if attribute == "birth_date":
        return len([piece for piece in value.split("-") if piece.strip("0")]), 0
    if attribute not in SAME_IF:
        return 1, 0
    core = 0
    for part in CORE[attribute]:
        words = plain(value.get(part)).replace(".", " ").split()
        initials_only = part in ("given_name", "family_name") and all(len(word) == 1 for word in words)
        core += 0 if not words else 1 if initials_only else 2
    return core, len([part for part in DESCRIBES[attribute] if part in value])


def described(statement, statements, rules):
    entry = {"value": statement["value"], **witness(statement["record"]), "sources": []}
    holders = [s for s in statements if s["same"] == statement["same"]]
    while holders:
        best, _ = settle(holders, rules)
        entry["sources"].append(witness(best["record"]))
        holders = [s for s in holders if s is not best]
    return entry


def witness(record):
    found = {
        "source": record.source,
        "key": record.key,
        "observed_at": record.observed_at.astimezone(UTC).isoformat(),
        "data_owner": record.data_owner,
    }
    return found if record.stream == "customers" else {**found, "stream": record.stream}
