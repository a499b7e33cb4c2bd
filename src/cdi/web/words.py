"""The data's own words in words for people: attributes, parts, kinds, channels, states, reasons. English here; the
catalogues translate them like any message."""

from collections.abc import Mapping
from typing import Final

from cdi.web.languages import Language


def N_(message: str) -> str:  # noqa: N802  # gettext's name for a message that is translated later
    """Mark a message for translation."""
    return message


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
        "steward": N_("Steward"),
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
        "pinned": N_("pinned by a steward"),
        "only": N_("the only value"),
        "validated": N_("verified values first"),
        "trust": N_("the most trusted source"),
        "newest": N_("the newest"),
        "oldest": N_("the oldest"),
        "most_frequent": N_("said most often"),
        "most_complete": N_("the most complete"),
    },
    "status": {
        "open": N_("open"),
        "waiting": N_("waits for consent"),
        "closed": N_("closed"),
    },
}


def word(language: Language, kind: str, name: str) -> str:
    """A word of the data for people; one that is not listed (a custom attribute) with blanks for underscores."""
    listed = WORDS[kind].get(name)
    return language.gettext(listed) if listed else name.replace("_", " ").capitalize()
