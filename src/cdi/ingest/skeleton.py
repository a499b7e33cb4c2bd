"""The beginning of a new connector: files that load and pass their test as they are, with a comment wherever
something is to be filled in."""

from textwrap import dedent
from typing import Final

from cdi.errors import InvalidInputError

_FILES: Final = """\
config:
  folder: {type: string, required: true, help: "Where the exports are dropped"}
connection: {kind: files, folder: "{config.folder}"}
streams:
  customers:
    kind: customer
    files: customers-*.csv          # a later file (by name) overrides an earlier one
    # snapshot: true                # if every file holds everything: what is missing is gone
    format: {type: csv, encoding: utf-8, delimiter: ";"}   # or jsonl, json, xml, excel, parquet
    key: =id                        # a column; in quotes if it has other signs: ="E-Mail"
    # source_time: "=ts(changed, '%d.%m.%Y %H:%M', 'Europe/Berlin')"
"""
_SQL: Final = """\
config:
  dsn: {type: string, secret: true, required: true, help: "Address of the database, with a login that may only select"}
connection: {kind: sql, dsn: "{config.dsn}"}
streams:
  customers:
    kind: customer
    key: =id
    query: select id, first_name, last_name, email, phone, street, zip, city from customer
    page: {keyset: [id]}            # columns that are unique together and never null
    change: row_hash                # or cursor: {field: updated_at, zone: Europe/Berlin, overlap: PT10M}
    deletes: [{mode: reconcile}]    # what vanished is gone; or {mode: flag, when: deleted == `1`}
"""
_REST: Final = """\
config:
  base_url: {type: string, required: true, help: "Address of the system"}
  token: {type: string, secret: true, required: true, help: "A token that may only read"}
connection:
  kind: rest
  base_url: "{config.base_url}"
  auth: {type: bearer, token: "{config.token}"}   # or basic, header, oauth2_client, login, none
  # requests_per_second: 5
streams:
  customers:
    kind: customer
    key: =id
    # source_time: =ts(updated_at)
    request: {path: /customers}
    records: =data                  # where the list is in an answer; @ if the answer is the list
    page: {by: page, size: 100, size_into: params.limit}   # or offset, next_url, cursor, keyset, none
    # total: =total                 # the system's own count, if it gives one
    # cursor: {field: updated_at, overlap: PT10M}
    # since: {params: {updated_since: "{cursor.from}"}}
    deletes: [{mode: reconcile, every: P1D}]
"""
_MAP: Final = """\
    map:                            # =expression (JMESPath) or a literal; what is empty is left out
      name: {given_name: =first_name, family_name: =last_name}
      emails: [{value: =email}]
      phones: [{value: =phone}]
      addresses: [{street: =street, postal_code: =zip, city: =city}]
      # birth_date: =date(birthday, '%d.%m.%Y')
      # identifiers: [{type: customer_number, value: =id}]
"""
_WEBHOOK: Final = """\
webhook:                            # beside the stream that reads, never instead of it: deliveries get lost
  verify: {header: X-Signature, algorithm: sha256, encoding: hex, secret: "{config.webhook_secret}"}
  events:
    - {when: body.event == 'customer.saved', stream: customers}   # reads the stream again
"""
_SIGNED: Final = '  webhook_secret: {type: string, secret: true, help: "What deliveries are signed with"}\n'

KINDS: Final = {
    "files": _FILES + _MAP,
    "sql": _SQL + _MAP,
    "rest": _REST + _MAP,
    "webhook": _REST.replace("connection:", _SIGNED + "connection:", 1) + _MAP + _WEBHOOK,
}

_ANSWERS: Final = """\
exchanges:                          # what the system is asked and answers; it listens at {url}
  - request: {path: /customers, params: {page: "1"}, headers: {authorization: Bearer secret}}
    answer:
      body:
        data:
          - id: 7
            first_name: Erika
            last_name: Mustermann
            email: erika@example.de
            phone: 0731 123
            street: Weg 1
            zip: "89073"
            city: Ulm
  - request: {path: /customers}
    answer: {body: {data: []}}
"""
_TABLES: Final = """\
sql: |                              # the tables of the system, in SQLite
  create table customer (
    id integer primary key, first_name text, last_name text, email text, phone text, street text, zip text, city text);
  insert into customer values (7, 'Erika', 'Mustermann', 'erika@example.de', '0731 123', 'Weg 1', '89073', 'Ulm');
"""
_EXPECTED: Final = """\
expected:                           # what the connector must make of it
  customers:
    - key: "7"
      canonical:
        name: {given_name: Erika, family_name: Mustermann}
        emails: [{value: erika@example.de}]
        phones: [{value: 0731 123}]
        addresses: [{street: Weg 1, postal_code: "89073", city: Ulm}]
"""
_EXPORT: Final = """\
id;first_name;last_name;email;phone;street;zip;city
7;Erika;Mustermann;erika@example.de;0731 123;Weg 1;89073;Ulm
"""
_FIXTURES: Final = {
    "files": "config: {folder: files}             # the files beside this one, in files/\n" + _EXPECTED,
    "sql": 'config: {dsn: "sqlite:///source.sqlite"}\n' + _TABLES + _EXPECTED,
    "rest": 'config: {base_url: "{url}", token: secret}\n' + _ANSWERS + _EXPECTED,
    "webhook": 'config: {base_url: "{url}", token: secret, webhook_secret: secret}\n' + _ANSWERS + _EXPECTED,
}
_README: Final = """\
# {name}

## Set up

What must be done at the system: a login or a token that may only read, and how it is made.

## What it reads

`customers`.

## Traps

What a stranger would get wrong: times without a zone, deletions that are not told, fields that mean something else.

## Maturity

`own`: tested on the small system in fixtures/, which `cdi source test` reads.
"""
HINT: Final = "# yaml-language-server: $schema={schema}\n"
"""The first line of a file that an editor shall complete and check."""


def skeleton(name: str, kind: str) -> str:
    """A manifest of this name to begin with. Raises InvalidInputError for a kind that does not exist."""
    if kind not in KINDS:
        raise InvalidInputError(f"no kind {kind}", remedy=f"There are {', '.join(KINDS)}")
    return f"connector: {name}\ntitle: {name}\n{KINDS[kind]}"


def streams(kind: str) -> str:
    """What stands under `streams` of a manifest of this kind, to begin with; not indented."""
    return dedent(KINDS[kind].partition("streams:\n")[2])


def folder_of(name: str, kind: str, schema: str) -> dict[str, str]:
    """The files of a new connector, by their paths in its folder; it loads and passes the conformance suite as it is.
    `schema` is where the JSON Schema lies. Raises InvalidInputError."""
    origin = "origin: Where the shape of these answers was taken from. The values are invented.\n"
    files = {
        "connector.yaml": HINT.format(schema=schema) + skeleton(name, kind),
        "README.md": _README.format(name=name),
        "fixtures/fixture.yaml": origin + _FIXTURES[kind],
    }
    return files | ({"fixtures/files/customers-2026-01.csv": _EXPORT} if kind == "files" else {})
