"""`cdi privacy`: what data subjects ask for, for whoever answers for data protection."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import orjson
import typer

from cdi.audit import Trail
from cdi.cli.installed import installed, operator
from cdi.cli.terminal import HERE, Folder, Json, out, print_json, print_table, when
from cdi.clock import utc_now
from cdi.errors import InvalidInputError
from cdi.privacy import correcting, disclosed, erasing, own_view, rectifying, requests, restricting
from cdi.privacy.disclosure import disclose
from cdi.privacy.requests import Office
from cdi.store.privacy_requests import RequestFilter

app = typer.Typer(help="What data subjects ask for: list, disclose, rectify, erase, restrict.", no_args_is_help=True)


@app.command("requests")
def list_requests(
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as erasure.")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state, such as asked.")] = None,
    profile: Annotated[UUID | None, typer.Option(help="Only about this profile.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """What was asked, by whom, why, and what became of it, newest first."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        found = requests.list_requests(connection, RequestFilter(kind, state, profile), limit)
    if as_json:
        print_json({"requests": found})
        return
    rows = [
        (
            str(each["id"]),
            each["kind"],
            str(each["profile"] or "-"),
            each["ground"],
            each["state"],
            each["asked_by"],
            when(each["asked_at"]),
        )
        for each in found
    ]
    print_table("Privacy requests", ("id", "kind", "profile", "ground", "state", "asked by", "asked"), rows)


@contextmanager
def _office(folder: Path, command: str) -> Iterator[Office]:
    """The operator as officer; what is done there is in the audit log, with the profiles that it was done to."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        caller = operator()
        trail = Trail.of(caller, f"cdi {command}", changes=True)
        yield Office(connection, installation, caller, utc_now(), trail)
        trail.write(connection, utc_now())


@app.command()
def erase(
    profile: Annotated[UUID, typer.Argument(help="Whom: the id of the profile.")],
    ground: Annotated[str, typer.Option(help=f"Why: {', '.join(erasing.GROUNDS)}.")] = "demanded",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Erase a customer; where it takes two, ask for it."""
    with _office(folder, "privacy erase") as office:
        told = erasing.preview(office, profile) if dry_run else erasing.ask(office, profile, ground)
    if as_json:
        print_json(told)
    elif dry_run:
        rows = [(name, str(count)) for name, count in told["tables"].items() if count]
        print_table("What would go", ("table", "rows"), rows)
        held = ", ".join(map(str, told["holds"]))
        out.print(f"a legal hold forbids it: {held}" if held else "nothing forbids it")
    else:
        out.print(f"request {told['id']}: {told['state']}")


@app.command()
def decide(
    request: Annotated[int, typer.Argument(help="The id of a request that waits: cdi privacy requests.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it, instead of doing it.")] = False,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Do the erasure that was asked for by another officer or by a source, or refuse it."""
    with _office(folder, "privacy decide") as office:
        told = erasing.decide(office, request, approve=not refuse)
    if as_json:
        print_json(told)
    else:
        out.print(f"request {told['id']}: {told['state']}")


@app.command()
def restrict(
    profile: Annotated[UUID, typer.Argument(help="Whom: the id of the profile.")],
    ground: Annotated[str, typer.Option(help="Why: a code, see docs/privacy.md.")] = "demanded",
    purpose: Annotated[str | None, typer.Option(help="An objection: only to this purpose.")] = None,
    folder: Folder = HERE,
) -> None:
    """Close a customer to every use (Art. 18), or to one purpose (Art. 21), at once."""
    with _office(folder, "privacy restrict") as office:
        told = restricting.restrict(office, profile, ground, purpose)
    out.print(f"request {told['id']}: {told['state']}")


@app.command()
def lift(
    request: Annotated[int, typer.Argument(help="The id of the restriction or objection.")], folder: Folder = HERE
) -> None:
    """End a restriction or an objection."""
    with _office(folder, "privacy lift") as office:
        told = restricting.lift(office, request)
    out.print(f"request {told['id']}: {told['state']}")


@app.command()
def rectify(
    profile: Annotated[UUID, typer.Argument(help="Whose: the id of the profile.")],
    attribute: Annotated[str, typer.Argument(help="What is wrong, such as birth_date.")],
    value: Annotated[str, typer.Argument(help="What is right; one with parts as JSON.")],
    reason: Annotated[str, typer.Option(help="Why, for the data owners.")],
    folder: Folder = HERE,
) -> None:
    """Put a value right (Art. 16): it holds until the sources that say otherwise have changed theirs."""
    with _office(folder, "privacy rectify") as office:
        told = rectifying.rectify(office, profile, attribute, rectifying.value_written(value), reason)
    tasks = ", ".join(map(str, told["about"]["tasks"]))
    out.print(f"request {told['id']}: {told['state']}; tasks of the data owners: {tasks}")


@app.command()
def correct(
    request: Annotated[int, typer.Argument(help="The id of a customer's correction: cdi privacy requests.")],
    verdict: Annotated[
        Literal["approve", "done", "refuse"] | None, typer.Option(help="What becomes of it; without, it is shown.")
    ] = None,
    value: Annotated[str, typer.Option(help="What is right, if not as they said it.")] = "",
    reason: Annotated[str, typer.Option(help="Why it is approved, for the data owners.")] = "",
    folder: Folder = HERE,
) -> None:
    """What a customer asks to be corrected by their own view, or decide it."""
    with _office(folder, "privacy correct") as office:
        if verdict is None:
            print_json(correcting.show(office, request))
            return
        told = correcting.decide(office, request, verdict, rectifying.value_written(value), reason)
    out.print(f"request {told['id']}: {told['state']}")


@app.command()
def access(
    profile: Annotated[UUID, typer.Argument(help="Whom: the id of the profile.")],
    form: Annotated[Literal["json", "csv"], typer.Option("--format", help="JSON, or a ZIP of CSV files.")] = "json",
    to: Annotated[Path | None, typer.Option("--out", help="The file to write; JSON goes to the terminal.")] = None,
    for_customer: Annotated[
        bool, typer.Option("--for-customer", help="Tell people who work here by their role, not by name.")
    ] = False,
    folder: Folder = HERE,
) -> None:
    """Everything that is kept about one customer (Art. 15, 20)."""
    if form == "csv" and to is None:
        raise InvalidInputError("a ZIP is not for the terminal", remedy="Name the file: --out customer.zip")
    with _office(folder, "privacy access") as office:
        told = disclose(office, profile, for_customer=for_customer)
    if to is None:
        print_json(told)
        return
    to.write_bytes(disclosed.as_zip(told) if form == "csv" else orjson.dumps(told, option=orjson.OPT_INDENT_2))
    out.print(str(to), highlight=False, soft_wrap=True)


@app.command()
def link(
    profile: Annotated[UUID, typer.Argument(help="Whose: the id of the profile.")],
    hours: Annotated[int | None, typer.Option(min=1, help="For how long it waits to be opened.")] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """A link by which this customer sees what is kept of them, once; it is told this once."""
    with _office(folder, "privacy link") as office:
        made = own_view.make_link(office, profile, None if hours is None else timedelta(hours=hours))
    if as_json:
        print_json({"id": made.link_id, "url": made.url, "expires_at": made.expires_at})
        return
    out.print(made.url, highlight=False, soft_wrap=True)
    out.print(f"it opens once, until {when(made.expires_at)}")


@app.command("access-schema")
def access_schema() -> None:
    """The JSON Schema of what `access` tells."""
    print_json(disclosed.schema())
