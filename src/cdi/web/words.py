"""The data's own words in words for people: attributes, parts, kinds, channels, states, reasons. English here; the
catalogues translate them like any message."""

import re
from collections.abc import Mapping
from typing import Final

from cdi.web.languages import Language


def N_(message: str) -> str:  # noqa: N802  # gettext's name for a message that is translated later
    """Mark a message for translation."""
    return message


FREQUENCY: Final = re.compile(r"contact frequency: at most (?P<count>\d+) within (?P<period>.+)")

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "attribute": {
        "kind": N_("Kind"),
        "name": N_("Name"),
        "organisation": N_("Organisation"),
        "gender": N_("Gender"),
        "language": N_("Language"),
        "birth_date": N_("Date of birth"),
        "emails": N_("E-mail"),
        "phones": N_("Phone"),
        "addresses": N_("Address"),
        "identifiers": N_("Identifiers"),
        "attributes": N_("Further attributes"),
    },
    "part": {
        "salutation": N_("Salutation"),
        "title": N_("Title"),
        "given_name": N_("Given name"),
        "middle_name": N_("Middle name"),
        "family_name": N_("Family name"),
        "suffix": N_("Suffix"),
        "birth_name": N_("Name at birth"),
        "full": N_("Full name"),
        "name": N_("Name"),
        "legal_form": N_("Legal form"),
        "department": N_("Department"),
        "value": N_("Value"),
        "use": N_("Use"),
        "verified": N_("Verified"),
        "shared": N_("Shared"),
        "street": N_("Street"),
        "house_number": N_("House number"),
        "extra": N_("Address extra"),
        "postal_code": N_("Postal code"),
        "city": N_("City"),
        "region": N_("Region"),
        "country": N_("Country"),
        "form": N_("Form"),
        "type": N_("Type"),
        "issuer": N_("Issuer"),
    },
    "said_of": {
        "customer_key": N_("Customer key"),
        "type": N_("Type"),
        "at": N_("Date and time"),
        "direction": N_("Direction"),
        "channel": N_("Channel"),
        "subject": N_("Subject"),
        "amount": N_("Amount"),
        "currency": N_("Currency"),
        "state": N_("State"),
        "purpose": N_("Purpose"),
        "status": N_("Status"),
        "legal_basis": N_("Legal basis"),
        "method": N_("Method"),
        "proof": N_("Proof"),
        "from": N_("Replaced record"),
        "to": N_("Replacing record"),
        "reason": N_("Reason"),
    },
    "kind": {"person": N_("Person"), "organisation": N_("Organisation")},
    "gender": {"f": N_("female"), "m": N_("male"), "d": N_("diverse"), "x": N_("diverse")},
    "identifier": {
        "customer_number": N_("Customer number"),
        "loyalty_card": N_("Loyalty card"),
        "vat_id": N_("VAT number"),
        "register_id": N_("Register number"),
        "national_id": N_("National id"),
        "iban": N_("IBAN"),
        "social_handle": N_("Social handle"),
        "device": N_("Device"),
    },
    "use": {
        "private": N_("private"),
        "home": N_("home"),
        "work": N_("work"),
        "mobile": N_("mobile"),
        "landline": N_("landline"),
        "delivery": N_("delivery"),
        "billing": N_("billing"),
        "packstation": N_("parcel locker"),
        "po_box": N_("PO box"),
    },
    "channel": {
        "shop": N_("Shop"),
        "webshop": N_("Webshop"),
        "app": N_("App"),
        "phone": N_("Phone"),
        "email": N_("E-mail"),
        "sms": N_("SMS"),
        "messenger": N_("Messenger"),
        "social": N_("Social media"),
        "community": N_("Community"),
        "post": N_("Post"),
        "any": N_("All channels"),
    },
    "touchpoint": {
        "order": N_("Order"),
        "receipt": N_("Receipt"),
        "call": N_("Call"),
        "ticket": N_("Ticket"),
        "message": N_("Message"),
        "visit": N_("Visit"),
        "request": N_("Request"),
        "return": N_("Return"),
    },
    "consent": {
        "granted": N_("granted"),
        "denied": N_("denied"),
        "withdrawn": N_("withdrawn"),
        "pending": N_("not confirmed yet"),
    },
    "role": {
        "reader": N_("Reader"),
        "connector": N_("Connector"),
        "links": N_("Links to customers' own views"),
        "steward": N_("Steward"),
        "privacy": N_("Data-protection officer"),
        "admin": N_("Administrator"),
    },
    "group": {
        "identity": N_("Identity"),
        "birth": N_("Birth"),
        "contact": N_("Contact"),
        "address": N_("Address"),
        "identifier": N_("Identifiers"),
        "custom": N_("Further attributes"),
    },
    "verdict": {
        "match": N_("Same customer"),
        "household": N_("Same household"),
        "no_match": N_("Different customers"),
        "unsure": N_("Unsure"),
    },
    "rule": {
        "pinned by steward": N_("pinned by a steward"),
        "only value": N_("the only value"),
        "agreement": N_("all sources agree"),
        "validated": N_("verified values first"),
        "trust": N_("the most trusted source"),
        "newest": N_("the newest"),
        "oldest": N_("the oldest"),
        "most_frequent": N_("said most often"),
        "most_complete": N_("the most complete"),
        "tie: newest": N_("equal, the newest"),
        "tie: source order": N_("equal, the first source"),
        "tie: key order": N_("equal, the first record"),
        "tie: stream order": N_("equal, the first record"),
        "tie: record order": N_("equal, the first record"),
        "tie: listed first": N_("listed first"),
    },
    "ownership": {
        "assigned by hand": N_("handed over by a steward"),
        "customer owner": N_("the owner of all customers whom no rule names"),
    },
    "event": {
        "created": N_("Profile created"),
        "updated": N_("Values changed"),
        "merged": N_("Merged with another profile"),
        "split": N_("Records went to another profile"),
        "retired": N_("Profile retired"),
        "revived": N_("Profile is live again"),
        "owner_changed": N_("Data owner changed"),
        "restricted": N_("Use restricted"),
        "erased": N_("Erased"),
        "pinned": N_("Value pinned"),
        "unpinned": N_("Value no longer pinned"),
        "handed_over": N_("Handed to another data owner"),
        "decision": N_("Decided by a steward"),
        "decision_agreed": N_("Decision agreed to"),
        "decision_revoked": N_("Decision taken back"),
    },
    "fate": {
        "kept": N_("keeps its id"),
        "created": N_("new profile"),
        "revived": N_("lives again"),
        "joined": N_("joins a profile"),
    },
    "direction": {"inbound": N_("by the customer"), "outbound": N_("by us")},
    "state": {"open": N_("open"), "closed": N_("closed"), "done": N_("done"), "cancelled": N_("cancelled")},
    "purpose": {
        "newsletter": N_("Newsletter"),
        "phone_contact": N_("Calls"),
        "advertising": N_("Advertising"),
        "profiling": N_("Profiling"),
        "postal_advertising": N_("Advertising by post"),
        "service": N_("Service"),
    },
    "review": {
        "pair": N_("One customer or two?"),
        "birth_date": N_("Two birth dates"),
        "identity_jump": N_("A record that changed its person"),
        "doubtful_link": N_("A doubtful match"),
        "overruled": N_("A match that was overruled"),
        "size": N_("Suspiciously many records"),
        "split": N_("Records to be taken out"),
    },
    "review_reason": {
        "two birth dates that cannot both be true": N_("Two birth dates that cannot both be true"),
        "similar, but not certainly one customer": N_("Similar, but not certainly one customer"),
        "two records match, but the others speak against it": N_("Two records match, the others speak against it"),
        "a steward says that they are one customer": N_("A steward says that they are one customer"),
        "a steward says that they are two customers": N_("A steward says that they are two customers"),
        "the source says it is another person now": N_("The source says that it is another person now"),
        "a steward linked them": N_("A steward linked them"),
        "a link by a steward is outweighed by others": N_("A steward's link is outweighed by others"),
        "others have an equal claim": N_("Others have an equal claim"),
    },
    "consent_method": {
        "single": N_("single opt-in"),
        "double_opt_in": N_("double opt-in"),
        "written": N_("in writing"),
        "form": N_("by form"),
    },
    "why_not": {
        "no address: nothing is known to reach the customer by": N_("No address or number is known"),
        "consent: none was given": N_("No consent was given"),
        "consent: not confirmed by double opt-in": N_("The consent was not confirmed (double opt-in)"),
        "consent: denied": N_("The customer refused"),
        "consent: withdrawn": N_("The customer withdrew the consent"),
        "consent: pending": N_("The consent is not confirmed yet"),
        "consent: denied, and records contradict: review it": N_("The customer refused; records contradict"),
        "consent: withdrawn, and records contradict: review it": N_("The customer withdrew; records contradict"),
    },
    "retained": {"records": N_("Records"), "touchpoints": N_("Touchpoints")},
    "kept_after": {
        "last_activity": N_("after the last activity"),
        "last_change": N_("after the last change"),
        "first_seen": N_("after the record was first seen"),
        "its own date": N_("after their own date"),
    },
    "privacy_request": {
        "access": N_("Access"),
        "rectification": N_("Rectification"),
        "erasure": N_("Erasure"),
        "restriction": N_("Restriction"),
        "objection": N_("Objection"),
        "sighting": N_("Alert"),
        "correction": N_("Correction"),
    },
    "sighting": {
        "returned": N_("A source still sends somebody who was erased:"),
        "identifier": N_("An identifier of somebody who was erased appears in"),
        "own_view_changed": N_("The own view was closed, since the profile has changed:"),
        "deletion_demanded": N_("Somebody who is not known by it here demands to be deleted:"),
        "access_demanded": N_("Somebody who is not known by it here asks what is kept of them:"),
    },
    "restriction_ground": {
        "contested": N_("says that the data are wrong"),
        "unlawful": N_("used unlawfully, but not to be erased"),
        "claims": N_("needed for legal claims"),
        "objected": N_("objected, and it is weighed"),
        "situation": N_("grounds of their own situation"),
        "marketing": N_("direct marketing"),
        "demanded": N_("demanded, ground not said"),
    },
    "erasure_ground": {
        "no_longer_needed": N_("no longer needed"),
        "consent_withdrawn": N_("consent withdrawn"),
        "objected": N_("objected"),
        "unlawful": N_("used unlawfully"),
        "legal_duty": N_("a legal duty"),
        "child": N_("collected from a child"),
        "demanded": N_("demanded, ground not said"),
    },
    "privacy_state": {
        "asked": N_("waits"),
        "done": N_("done"),
        "refused": N_("refused"),
        "in_force": N_("in force"),
        "lifted": N_("lifted"),
    },
    "conflict": {"value": N_("Contradicting values"), "owner": N_("Two data owners")},
    "status": {
        "open": N_("open"),
        "agree": N_("waits for you to agree"),
        "waiting": N_("waits for consent"),
        "closed": N_("closed"),
    },
}


def word(language: Language, kind: str, name: str) -> str:
    """A word of the data for people; one that is not listed (a custom attribute) with blanks for underscores."""
    listed = WORDS[kind].get(name)
    return language.gettext(listed) if listed else name[:1].upper() + name[1:].replace("_", " ")


def attribute_name(language: Language, path: str) -> str:
    """What an attribute is called, custom ones (`attributes.NAME`) too."""
    name, _, custom = path.partition(".")
    return word(language, "attribute", custom or name)


def field_name(language: Language, path: str) -> str:
    """What a field of any record is called: of a customer (`name.given_name`, `emails`), of a touchpoint, a consent
    or a replaced record (`at`, `purpose`)."""
    name, _, part = path.partition(".")
    if part:
        return word(language, {"identifiers": "identifier", "attributes": "attribute"}.get(name, "part"), part)
    return word(language, "attribute" if name in WORDS["attribute"] else "said_of", name)


def why_not(language: Language, reason: str) -> str:
    """Why a customer may not be contacted now."""
    frequency = FREQUENCY.fullmatch(reason)
    if frequency is None:
        return word(language, "why_not", reason)
    return language.gettext("Contacted often enough: %(count)s within %(period)s") % {
        "count": frequency["count"],
        "period": frequency["period"].replace("days", language.gettext("days")),
    }
