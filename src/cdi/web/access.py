"""/access: the users of the desk and the keys of the API, for those who run the installation. A key and a link are
shown once, on the page that answers the form: they are kept nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Path, Query, Response

from cdi import keys, signing_in, users
from cdi.access import Credential, Role
from cdi.errors import CdiError, ConflictError, InvalidInputError, NotFoundError
from cdi.fields import FieldGroup
from cdi.keys import NewKey
from cdi.web.routing import pages_router
from cdi.web.visits import Administering, Visit
from cdi.web.words import N_, word

router = pages_router()

STATES: Final = {"standing": N_("valid"), "expired": N_("expired"), "revoked": N_("revoked")}
LIVES: Final = (30, 90, 365)
"""Days after which a key ends, to choose from."""
GRACES: Final = (0, 1, 24, 168)
"""Hours for which a key that is rotated still works, to choose from."""

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@dataclass(frozen=True, slots=True)
class Asked:
    """Rights as a form says them."""

    name: str = ""
    role: str = Role.STEWARD.value
    owners: Sequence[str] = ()
    groups: Sequence[str] = ()
    sensitive: bool = False
    source: str = ""
    purposes: str = ""
    days: str = "365"

    @classmethod
    def of(cls, visit: Visit) -> "Asked":
        ticked = {name: [str(one) for one in visit.form.getlist(name)] for name in ("owner", "group")}
        return cls(
            visit.said("name"),
            visit.said("role"),
            ticked["owner"],
            ticked["group"],
            bool(visit.said("sensitive")),
            visit.said("source"),
            visit.said("purposes"),
            visit.said("days"),
        )

    @property
    def rights(self) -> "Rights":
        """The same for use cases. Raises InvalidInputError for a role or a field group that there is not."""
        try:
            role, groups = Role(self.role), tuple(FieldGroup(one) for one in self.groups)
        except ValueError:
            raise InvalidInputError("there is no such role or field group") from None
        return Rights(role, groups, tuple(self.owners) or None)


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do; `owners` None: all."""

    role: Role
    groups: Sequence[FieldGroup] = field(default=())
    owners: Sequence[str] | None = None


# -- users -----------------------------------------------------------------------------------------


@router.get("/access")
def show_access(visit: Administering) -> Response:
    """Who may sign in."""
    return visit.page("access.html", {"users": users.list_users(visit.connection, visit.now)})


@router.get("/access/new-user")
def show_new_user(visit: Administering) -> Response:
    """What a new user shall be allowed."""
    return _user_page(visit, Asked())


@router.post("/access/new-user")
def create_user(visit: Administering) -> Response:
    """A new user, who signs in first by the link that is shown once."""
    asked = Asked.of(visit)
    try:
        rights = asked.rights
        visit.installation.demand_owners(rights.owners or ())
        signing_in.create_user(
            visit.connection,
            asked.name,
            rights.role,
            visit.now,
            groups=rights.groups,
            owners=rights.owners,
            sensitive=asked.sensitive,
        )
    except CdiError as error:
        return _user_page(visit, asked, fault=_told(visit, error))
    return _show_link(visit, asked.name)


@router.get("/access/user")
def show_user(visit: Administering, name: Annotated[str, Query(max_length=100)]) -> Response:
    """What this user may do, and what can be done about them."""
    user = _user(visit, name)
    asked = Asked(name, user["role"], user["owners"] or (), user["groups"], user["sensitive"])
    return _user_page(visit, asked, user)


@router.post("/access/user")
def change_user(visit: Administering) -> Response:
    """Their rights are these from now on."""
    asked = Asked.of(visit)
    user = signing_in.named_user(visit.connection, asked.name)
    try:
        rights = asked.rights
        users.change_rights(
            visit.connection,
            visit.installation,
            visit.caller,
            user,
            role=rights.role,
            groups=rights.groups,
            owners=rights.owners,
            sensitive=asked.sensitive,
        )
    except CdiError as error:
        return _user_page(visit, asked, _user(visit, asked.name), fault=_told(visit, error))
    return visit.back("/access", visit.language.gettext("What %(name)s may do is changed.") % {"name": asked.name})


@router.post("/access/link")
def issue_link(visit: Administering) -> Response:
    """A link that signs this user in once."""
    return _show_link(visit, visit.said("name"))


@router.post("/access/link/withdraw")
def withdraw_link(visit: Administering) -> Response:
    """A link that was given signs nobody in any more."""
    users.withdraw_link(visit.connection, signing_in.named_user(visit.connection, visit.said("name")))
    return visit.back("/access", visit.language.gettext("The link no longer signs anybody in."))


@router.post("/access/disable")
def disable_user(visit: Administering) -> Response:
    """Out at once."""
    name = visit.said("name")
    users.disable(visit.connection, visit.caller, signing_in.named_user(visit.connection, name), visit.now)
    return visit.back("/access", visit.language.gettext("%(name)s is shut out.") % {"name": name})


@router.post("/access/enable")
def enable_user(visit: Administering) -> Response:
    """In again."""
    name = visit.said("name")
    users.enable(visit.connection, signing_in.named_user(visit.connection, name))
    return visit.back("/access", visit.language.gettext("%(name)s may sign in again.") % {"name": name})


def _user(visit: Visit, name: str) -> dict[str, Any]:
    found = next((one for one in users.list_users(visit.connection, visit.now) if one["name"] == name), None)
    if found is None:
        raise NotFoundError("there is no such user")
    return found


def _user_page(visit: Visit, asked: Asked, user: dict[str, Any] | None = None, fault: str = "") -> Response:
    values = _choices(visit, signing_in.AT_THE_DESK) | {
        "asked": asked,
        "user": user,
        "fault": fault,
        "mine": user is not None and visit.caller.credential is Credential.USER and user["name"] == visit.caller.name,
    }
    return visit.page("access_user.html", values, status=422 if fault else 200)


def _show_link(visit: Visit, name: str) -> Response:
    token = signing_in.issue_link(visit.connection, name, visit.now)
    link = signing_in.link_of(visit.installation.settings.environment, token)
    hint = N_("This link is shown once and signs in once, within the hour. Give it to nobody else.")
    return _shown(visit, visit.language.gettext("Sign-in link"), name, link, visit.language.gettext(hint), "/access")


# -- keys ------------------------------------------------------------------------------------------


@router.get("/access/keys")
def show_keys(visit: Administering) -> Response:
    """Which programs may ask the API."""
    return visit.page(
        "access_keys.html", {"keys": keys.list_keys(visit.connection, visit.now), "states": _states(visit)}
    )


@router.get("/access/new-key")
def show_new_key(visit: Administering) -> Response:
    """What a new key shall allow."""
    return _new_key_page(visit, Asked(role=Role.READER.value))


@router.post("/access/new-key")
def create_key(visit: Administering) -> Response:
    """The new key, shown this once."""
    asked = Asked.of(visit)
    try:
        _demand_first_time(visit)
        made = keys.create(visit.connection, visit.installation, _new_key(visit, asked), visit.now)
    except CdiError as error:
        return _new_key_page(visit, asked, fault=_told(visit, error))
    visit.trail.about["key_id"] = made.key_id
    return _show_key(visit, asked.name, made.key)


@router.get("/access/keys/{key_id}")
def show_key(visit: Administering, key_id: Number) -> Response:
    """What it allows; never what it is."""
    known = keys.list_keys(visit.connection, visit.now)
    key = _key(visit, key_id)
    graces = [(str(hours), _hours(visit, hours)) for hours in GRACES]
    values = {"key": key, "newest": known[0]["id"], "states": _states(visit), "graces": graces}
    return visit.page("access_key.html", values)


@router.post("/access/keys/{key_id}/rotation")
def rotate_key(visit: Administering, key_id: Number) -> Response:
    """A new key with the same rights, shown this once."""
    _demand_first_time(visit)
    hours = visit.said("hours")
    if hours not in {str(one) for one in GRACES}:
        raise InvalidInputError("this is no time for which the old key can work")
    made = keys.rotate(visit.connection, key_id, visit.now, timedelta(hours=int(hours)))
    visit.trail.about["new_key_id"] = made.key_id
    return _show_key(visit, _key(visit, made.key_id)["name"], made.key)


@router.post("/access/keys/{key_id}/revocation")
def revoke_key(visit: Administering, key_id: Number) -> Response:
    """It ends at once."""
    keys.revoke(visit.connection, key_id, visit.now)
    return visit.back("/access/keys", visit.language.gettext("The key is revoked."))


def _key(visit: Visit, key_id: int) -> dict[str, Any]:
    found = next((one for one in keys.list_keys(visit.connection, visit.now) if one["id"] == key_id), None)
    if found is None:
        raise NotFoundError("there is no key with this id")
    return found


def _new_key(visit: Visit, asked: Asked) -> NewKey:
    rights, of_a_source = asked.rights, asked.role in {Role.CONNECTOR.value, Role.LINKS.value}
    purposes = [one.strip() for one in asked.purposes.split(",") if one.strip()]
    return NewKey(
        asked.name,
        rights.role,
        rights.groups,
        rights.owners,
        asked.source if of_a_source and asked.source else None,
        asked.sensitive,
        purposes or None,
        visit.now + timedelta(days=int(asked.days)) if asked.days in {str(days) for days in LIVES} else None,
    )


def _new_key_page(visit: Visit, asked: Asked, fault: str = "") -> Response:
    gettext = visit.language.gettext
    values = _choices(visit, frozenset(Role)) | {
        "asked": asked,
        "fault": fault,
        "newest": _newest(visit),
        "sources": [("", "–"), *((name, name) for name in visit.installation.deployment.sources)],
        "lives": [*((str(days), _days(visit, days)) for days in LIVES), ("", gettext("never"))],
    }
    return visit.page("access_new_key.html", values, status=422 if fault else 200)


def _newest(visit: Visit) -> int:
    return next((one["id"] for one in keys.list_keys(visit.connection, visit.now)), 0)


def _demand_first_time(visit: Visit) -> None:
    """A form that is sent again by loading its answer again makes no second key."""
    if visit.said("newest") != str(_newest(visit)):
        raise ConflictError("a key was made since this page was drawn", remedy="Look at the list, then begin anew")


def _show_key(visit: Visit, name: str, key: str) -> Response:
    hint = N_("This key is shown once and kept nowhere. Put it where secrets are kept.")
    title = visit.language.gettext("The new key")
    return _shown(visit, title, name, key, visit.language.gettext(hint), "/access/keys")


# -- both ------------------------------------------------------------------------------------------


def _shown(visit: Visit, title: str, name: str, secret: str, hint: str, place: str) -> Response:
    shown = {"title": title, "name": name, "secret": secret, "hint": hint, "place": place}
    return visit.page("access_shown.html", shown)


def _choices(visit: Visit, roles: frozenset[Role]) -> dict[str, Any]:
    return {
        "roles": [(role.value, word(visit.language, "role", role.value)) for role in Role if role in roles],
        "owners": [(owner.id, owner.department) for owner in visit.installation.deployment.owners],
        "groups": [group.value for group in FieldGroup],
    }


def _states(visit: Visit) -> dict[str, str]:
    return {state: visit.language.gettext(text) for state, text in STATES.items()}


def _hours(visit: Visit, hours: int) -> str:
    if not hours:
        return visit.language.gettext("no longer")
    return visit.language.ngettext("%(num)s hour", "%(num)s hours", hours) % {"num": hours}


def _days(visit: Visit, days: int) -> str:
    return visit.language.ngettext("%(num)s day", "%(num)s days", days) % {"num": days}


def _told(visit: Visit, error: CdiError) -> str:
    said = [visit.language.gettext(part) for part in (error.message, error.remedy) if part]
    return ". ".join(said)
