"""The data dictionary: what every table holds, how fresh and how good it is, and how to ask it; as JSON and as a site of plain files.

Lives here: the dictionary as data (``document``), sample queries (``queries``), the site (``site``, ``charts``, ``templates/``).
Does not live here: any fact of its own; all comes from the catalogue, the lake and the store, so it cannot go stale by hand.
To tell one thing more of a table: a key in ``document`` (it is then in the JSON), a line in ``templates/table.html``.
A query for people to begin with: ``queries:`` in the table's catalogue entry; tests run every one.
"""
