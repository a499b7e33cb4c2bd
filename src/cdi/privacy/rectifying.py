"""Rectification (Art. 16): a value of a customer is wrong. The source stays the master: its owner gets a task, and the
right value is pinned until the source says something else there."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson

from cdi.errors import ConflictError, InvalidInputError
from cdi.fields import Shape
from cdi.ids import RecordKey
from cdi.privacy.requests import Office, answered
from cdi.resolution.survivorship import Pin
from cdi.resolution.values import attribute_at, identity
from cdi.serving import live_profile
from cdi.stewardship import Desk, report_wrong_value
from cdi.stewardship.conflicts import said_of, understood
from cdi.stewardship.desk import must_have_reason
from cdi.store import pins, privacy_requests, profiles, records
from cdi.store.privacy_requests import PrivacyRequest
from cdi.store.records import CurrentRecord

RECTIFICATION: Final = "rectification"
GROUND: Final = "inaccurate"  # Art. 16 has one; why it is, is said in the tasks and at the pins


def rectify(office: Office, profile_id: UUID, attribute: str, right: Any, reason: str) -> dict[str, Any]:
    """`right` is what this customer's attribute is. The request, in force until every record that says otherwise has
    changed there: each is a task of its source's owner.

    Raises InvalidInputError, NotFoundError; ConflictError where no record says anything wrong (upper and lower
    case are one value), or a rectification of it is in force.
    """
    because = must_have_reason(reason)
    desk = Desk(office.connection, office.installation, office.caller, office.now, office.trail)
    desk.alone()
    found = live_profile(office.connection, office.caller.visibility, profile_id)
    value = understood(desk, attribute, right)
    members = profiles.load_members(office.connection, [profile_id])[profile_id]
    if pins.is_rectified(office.connection, members, attribute):
        raise ConflictError("this is being rectified already", remedy="Take its pin back first if that one is wrong")
    current = records.load_current(office.connection, members)
    wrong = _saying_otherwise(current, found.document["golden"], attribute, value)
    if not wrong:
        raise ConflictError(
            "no source says anything wrong there", remedy="A steward pins what no source says; nothing else is left"
        )
    tasks = [
        report_wrong_value(desk, RecordKey(record.source, record.key), attribute, because)["id"] for record in wrong
    ]
    anchors = [record.record_id for record in wrong]
    about = {"attribute": attribute, "records": anchors, "tasks": tasks}
    actor = office.caller.actor
    request_id = privacy_requests.save_request(
        office.connection,
        PrivacyRequest(
            RECTIFICATION, profile_id, GROUND, "in_force", actor, office.now, actor, office.now, about=about
        ),
    )
    pins.revoke_pins(office.connection, members, attribute, office.caller.name, office.now)
    for anchor in anchors:
        pin = Pin(attribute, value, anchor, office.caller.name, because, office.now)
        pins.save_pin(office.connection, pin, rectifies=request_id)
    desk.resolve(anchors)
    return answered(office, request_id, [profile_id])


def value_written(text: str) -> Any:
    """A value as people write it: one with parts as JSON. Raises InvalidInputError."""
    if not text.startswith("{"):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError("the value is no JSON", remedy='Write {"given_name": "Anna"}') from error


def _saying_otherwise(
    current: Mapping[int, CurrentRecord], golden: Mapping[str, Any], path: str, right: Any
) -> list[CurrentRecord]:
    """The records that say something there, and nothing right. Of an attribute of which a customer may have several,
    only those that say the one that is preferred now: the others' may be as right."""
    attribute = attribute_at(path)
    said = {record: {identity(attribute, value) for value in said_of(current[record], path)} for record in current}
    wrong = [record for record in sorted(said) if said[record] and identity(attribute, right) not in said[record]]
    if attribute.shape is Shape.BLOCKS:
        preferred = identity(attribute, golden[path]["value"]) if path in golden else ()
        wrong = [record for record in wrong if preferred in said[record]]
    return [current[record] for record in wrong]
