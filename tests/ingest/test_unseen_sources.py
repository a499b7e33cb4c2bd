"""Four systems that nobody has seen before are wired in with at most forty lines of YAML each, and without Python."""

import sqlite3
from pathlib import Path
from textwrap import dedent
from typing import Any

from altsystem import MANIFEST
from loopback import Asked, Told, serving
from reading import declared, read

from cdi.ingest.contract import Op

MOST_LINES = 40


def short(text: str) -> str:
    text = dedent(text)
    assert len(text.strip().splitlines()) <= MOST_LINES
    return text


def test_a_rest_api_with_its_cursor_in_the_body(tmp_path: Path) -> None:
    manifest = short("""
        connector: fahrrad
        title: Fahrradverleih Mobil
        config:
          base_url: {required: true}
          key: {secret: true, required: true}
        connection:
          kind: rest
          base_url: "{config.base_url}"
          auth: {type: header, headers: {X-Partner-Key: "{config.key}"}}
        streams:
          customers:
            kind: customer
            key: =ref
            source_time: =ts(meta.touched, 'unix_ms')
            request:
              method: POST
              path: /v3/riders/query
              body: {pageSize: 2, scan: {token: null}}
            records: =result.riders
            page: {by: cursor, next: result.scan.token, more: result.scan.hasMore, into: body.scan.token}
            cursor: {field: meta.touched, format: unix_ms, overlap: PT5M}
            since: {body: {filter: {touchedAfter: "{cursor.from}"}}}
            deletes: [{mode: flag, when: state == 'LOESCHANTRAG', erase: true}, {mode: flag, when: state == 'GONE'}]
            map:
              name: =split_name(displayName)
              birth_date: =date(born, '%Y%m%d')
              phones: [{each: "contacts[?type == 'PHONE']", value: =value, verified: =confirmed}]
              emails: [{each: "contacts[?type == 'MAIL']", value: =value, verified: =confirmed}]
              addresses: [{street: "=join(' ', [home.road, home.no])", postal_code: =home.plz, city: =home.town}]
              attributes: {tariff: =tariff.code}
    """)
    riders = [
        {
            "ref": f"R{n}",
            "displayName": "Mustermann, Erika",
            "born": 19991231,
            "state": "OK",
            "contacts": [
                {"type": "PHONE", "value": "0171 1", "confirmed": True},
                {"type": "MAIL", "value": "a@b.example"},
            ],
            "home": {"road": "Weg", "no": "1", "plz": "01067", "town": "Dresden"},
            "tariff": {"code": "GOLD"},
            "meta": {"touched": 1_790_000_000_000 + n * 1000},
        }
        for n in range(1, 6)
    ]
    riders[3]["state"], riders[4]["state"] = "GONE", "LOESCHANTRAG"

    def api(asked: Asked) -> Told:
        assert asked.headers["x-partner-key"] == "k"
        after = int((asked.body.get("filter") or {}).get("touchedAfter", 0))
        found = [rider for rider in riders if rider["meta"]["touched"] > after]  # type: ignore[index]
        begin = int(asked.body["scan"]["token"] or 0)
        scan = {"token": str(begin + 2), "hasMore": begin + 2 < len(found)}
        return Told({"result": {"riders": found[begin : begin + 2], "scan": scan}})

    connector = declared(tmp_path, manifest)
    with serving(api) as site:
        config = {"base_url": site.url, "key": "k"}
        first = read(connector, tmp_path, config)
        riders[0]["meta"] = {"touched": 1_790_000_600_000}
        second = read(connector, tmp_path, config, state=first.state)
    assert first.keys == ["R1", "R2", "R3", "R4", "R5"]
    assert [record.op for record in first.records[2:]] == [Op.UPSERT, Op.DELETE, Op.ERASE]
    assert "R1" in second.keys
    assert connector.map("customers", first.records[0].data, config) == {
        "name": {"given_name": "Erika", "family_name": "Mustermann"},
        "birth_date": "1999-12-31",
        "phones": [{"value": "0171 1", "verified": True}],
        "emails": [{"value": "a@b.example"}],
        "addresses": [{"street": "Weg 1", "postal_code": "01067", "city": "Dresden"}],
        "attributes": {"tariff": "GOLD"},
    }


def test_a_graphql_api(tmp_path: Path) -> None:
    manifest = short("""
        connector: forum
        title: Forum
        config: {base_url: {required: true}}
        connection: {kind: rest, base_url: "{config.base_url}"}
        streams:
          members:
            kind: customer
            key: =id
            request:
              method: POST
              path: /graphql
              body:
                query: |
                  query Members($after: String) {
                    members(first: 2, after: $after) {
                      edges { node {id nick mail{address ok}} } pageInfo {endCursor hasNextPage}
                    }
                  }
                variables: {after: null}
            records: =data.members.edges[].node
            page:
              by: cursor
              next: data.members.pageInfo.endCursor
              more: data.members.pageInfo.hasNextPage
              into: body.variables.after
            fails_when: errors
            retry_when: "errors[?extensions.code == 'BUSY']"
            deletes: [{mode: reconcile}]
            map:
              emails: [{value: =mail.address, verified: =mail.ok}]
              identifiers: [{type: social_handle, value: =nick, issuer: forum}]
    """)
    nodes = [
        {"id": str(n), "nick": f"nick{n}", "mail": {"address": f"{n}@example.de", "ok": n == 1}} for n in (1, 2, 3)
    ]
    busy = [Told({"data": None, "errors": [{"message": "busy", "extensions": {"code": "BUSY"}}]})]

    def api(asked: Asked) -> Told:
        if busy:
            return busy.pop()
        begin = int(asked.body["variables"]["after"] or 0)
        assert "edges { node {id nick" in asked.body["query"]
        edges = [{"node": node} for node in nodes[begin : begin + 2]]
        info = {"endCursor": str(begin + 2), "hasNextPage": begin + 2 < len(nodes)}
        return Told({"data": {"members": {"edges": edges, "pageInfo": info}}})

    connector = declared(tmp_path, manifest)
    with serving(api) as site:
        reading = read(connector, tmp_path, {"base_url": site.url}, stream="members")
    assert reading.keys == ["1", "2", "3"]
    assert reading.full_scan
    assert connector.map("members", reading.records[0].data, {}) == {
        "emails": [{"value": "1@example.de", "verified": True}],
        "identifiers": [{"type": "social_handle", "value": "nick1", "issuer": "forum"}],
    }


def test_a_database_with_composite_keys(tmp_path: Path) -> None:
    manifest = short("""
        connector: genossenschaft
        title: Mitgliederverwaltung der Genossenschaft
        connection: {kind: sql, dsn: "sqlite:///coop.db"}
        tables: {art: {N: person, J: organisation}}
        streams:
          customers:
            kind: customer
            key: [=mandant, =mitglied]
            source_time: =ts(geaendert, 'Europe/Berlin')
            query: |
              select m.mandant, m.mitglied, m.art, m.name1, m.name2, m.geb, m.geaendert, a.str, a.plz, a.ort
              from mitglied m left join anschrift a on a.mandant = m.mandant and a.mitglied = m.mitglied
              where m.storniert is null
            page: {keyset: [mandant, mitglied], size: 3}
            change: row_hash
            deletes: [{mode: reconcile}]
            map:
              kind: =lookup(art, 'art')
              name: {given_name: "=choose(art == 'N', name2)", family_name: "=choose(art == 'N', name1)"}
              organisation: {name: "=choose(art == 'J', name1)"}
              birth_date: =date(geb, '%d%m%Y')
              addresses: [{street: =str, postal_code: =plz, city: =ort}]
          anteile:
            kind: touchpoint
            key: [=mandant, =mitglied, =lfd]
            query: select * from anteil
            page: {keyset: [mandant, mitglied, lfd], size: 2}
            cursor: {field: gebucht, format: "%Y-%m-%d", overlap: P1D, zone: Europe/Berlin}
            map:
              customer_key: "=join('/', [mandant, to_string(mitglied)])"
              type: order
              channel: shop
              at: =ts(gebucht, 'Europe/Berlin')
              amount: =decimal(betrag, ',')
    """)
    with sqlite3.connect(tmp_path / "coop.db") as db:
        db.executescript("""
            create table mitglied (mandant text, mitglied integer, art text, name1 text, name2 text, geb text,
                geaendert text, storniert text, primary key (mandant, mitglied));
            create table anschrift (mandant text, mitglied integer, str text, plz text, ort text);
            create table anteil (mandant text, mitglied integer, lfd integer, gebucht text, betrag text,
                primary key (mandant, mitglied, lfd));
            insert into mitglied values ('A', 1, 'N', 'Weiß', 'Jürgen', '01021970', '2026-03-01 10:00:00', null),
                ('A', 2, 'J', 'Hof eG', '', '', '2026-03-01 10:00:00', null),
                ('A', 3, 'N', 'X', 'Y', '', '', '2026-01-01'),
                ('B', 1, 'N', 'Groß', 'Ida', '', '', null), ('B', 2, 'N', 'Klein', 'Udo', '', '', null);
            insert into anschrift values ('A', 1, 'Weg 1', '01067', 'Dresden');
            insert into anteil values ('A', 1, 1, '2026-03-01', '1.000,00'), ('A', 1, 2, '2026-03-02', '50,00'),
                ('B', 1, 1, '2026-03-02', '7,50');
        """)
    db.close()
    connector = declared(tmp_path, manifest)
    members = read(connector, tmp_path)
    assert members.keys == ["A/1", "A/2", "B/1", "B/2"]
    assert members.full_scan
    assert connector.map("customers", members.records[0].data, {}) == {
        "kind": "person",
        "name": {"given_name": "Jürgen", "family_name": "Weiß"},
        "birth_date": "1970-02-01",
        "addresses": [{"street": "Weg 1", "postal_code": "01067", "city": "Dresden"}],
    }
    assert connector.map("customers", members.records[1].data, {}) == {
        "kind": "organisation",
        "organisation": {"name": "Hof eG"},
    }
    shares = read(connector, tmp_path, stream="anteile")
    assert shares.keys == ["A/1/1", "A/1/2", "B/1/1"]
    mapped: list[dict[str, Any]] = [connector.map("anteile", record.data, {}) for record in shares.records]
    assert [(share["customer_key"], share["amount"]) for share in mapped] == [
        ("A/1", "1000.00"),
        ("A/1", "50.00"),
        ("B/1", "7.50"),
    ]


def test_a_legacy_csv_without_header_in_cp850_with_several_records_a_customer(tmp_path: Path) -> None:
    manifest = short(MANIFEST)
    rows = [
        "S|000017|2|Jürgen  |Weißmüller  |010270",
        'A|000017|Straße "Am Hof" 1|01067|Görlitz|',
        "T|000017|03581/1234|||",
        "S|000018|1|Zoë|Ångström",
        "Z|2|||||||",
        "Z|3||||",
    ]
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "KUNDEN01.TXT").write_bytes("\r\n".join(rows).encode("cp850", "replace") + b"\r\n")
    connector = declared(tmp_path, manifest)
    reading = read(connector, tmp_path)
    assert reading.keys == ["000017/S", "000017/A", "000017/T"]
    assert [rejected.reason for rejected in reading.rejected] == [
        "KUNDEN01.TXT, line 4: 5 fields where 6 are expected",
        "KUNDEN01.TXT, line 5: 9 fields where 6 are expected",
    ]
    number = [{"type": "customer_number", "value": "000017", "issuer": "altsystem"}]
    assert [connector.map("customers", record.data, {}) for record in reading.records] == [
        {
            "name": {"salutation": "Frau", "given_name": "Jürgen", "family_name": "Weißmüller"},
            "birth_date": "1970-02-01",
            "identifiers": number,
        },
        {
            "addresses": [{"street": 'Straße "Am Hof" 1', "postal_code": "01067", "city": "Görlitz"}],
            "identifiers": number,
        },
        {"phones": [{"value": "03581/1234"}], "identifiers": number},
    ]
