"""The lake's Delta tables: where they are, what columns they have, how a change set is computed and committed.

Lives here: table addresses and schemas (``tables``), change sets between a delivery and the current table (``changes``),
commits pinned to the version they were computed from (``commit``), reading as of a moment (``history``), SQL (``sql``).
Does not live here: which rows may pass (``quality``), in which order a delivery is processed (``delivery``).
To add a layer: name it in ``tables.LAYERS`` and give its schema there.
"""
