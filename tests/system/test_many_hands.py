"""What other processes make of very many records is what this process would make of them."""

from pathlib import Path

import orjson
import pytest

from cdi.errors import BadRecordError
from cdi.ingest.manifest import DeclaredConnector, load_connector
from cdi.normalise.record import Context
from cdi.pipeline import canonical
from cdi.pipeline.canonical import ManyHands, Mapper
from cdi.pipeline.workers import Workers

MANIFEST = """
connector: till
title: The till's export
connection: {kind: files, folder: data}
streams:
  customers:
    kind: customer
    files: "*.csv"
    format: {type: csv}
    key: =id
    map:
      name: {given_name: =given, family_name: =family}
      emails: [{value: =mail}]
      birth_date: "=ts(born, '%d.%m.%Y', 'Europe/Berlin')"
"""


@pytest.fixture
def connector(tmp_path: Path) -> DeclaredConnector:
    path = tmp_path / "till" / "connector.yaml"
    path.parent.mkdir()
    path.write_text(MANIFEST, encoding="utf-8")
    return load_connector(path)


def test_many_hands_agree_with_one(connector: DeclaredConnector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "WORTH_IT", 10)
    monkeypatch.setattr(canonical, "CHUNK", 7)
    born = ["1.2.1980", "never"]
    said = [
        orjson.dumps({"given": f"Anna{n}", "family": "Müller", "mail": f"A{n}@Example.org", "born": born[n % 2]})
        for n in range(40)
    ]
    mapper = Mapper(connector, {}, Context())
    alone = mapper.made("customers", said)
    with Workers() as workers:
        together = ManyHands(mapper, workers).made("customers", said)
    assert [str(made) for made in together] == [str(made) for made in alone]
    assert [isinstance(made, BadRecordError) for made in together] == [n % 2 == 1 for n in range(40)]
