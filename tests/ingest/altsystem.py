"""The manifest of an old system: CSV without a header, in cp850, several lines a customer."""

MANIFEST = """
connector: altsystem
title: Altsystem
connection: {kind: files, folder: drop}
tables: {anrede: {"1": Herr, "2": Frau}}
streams:
  customers:
    kind: customer
    files: "KUNDEN*.TXT"
    snapshot: true
    format: {type: csv, encoding: cp850, delimiter: "|", quote: "", columns: [satzart, kunde, a, b, c, d]}
    key: [=kunde, =satzart]
    when: satzart != 'Z'
    map:
      name:
        salutation: =choose(satzart == 'S', lookup(a, 'anrede'))
        given_name: =choose(satzart == 'S', trim(b))
        family_name: =choose(satzart == 'S', trim(c))
      birth_date: =choose(satzart == 'S', date(d, '%d%m%y'))
      addresses: [{when: satzart == 'A', street: =trim(a), postal_code: =b, city: =trim(c)}]
      phones: [{when: satzart == 'T', value: =a}]
      identifiers: [{type: customer_number, value: =kunde, issuer: altsystem}]
"""
