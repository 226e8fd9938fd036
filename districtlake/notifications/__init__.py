"""Sending what ``tickets.journal`` has put into the outbox table: mails in digests, signed webhooks; again under the same id if need be.

``queue``: notifications → messages, in one transaction. ``sending``: messages → receivers, with back-off and dead letters.
``wording``: what a mail says (numbers and links, never rows or values). ``mail``, ``webhook``: the two ways out. ``signing``: signatures.
``addresses``: whose mailbox. ``hooks``: the addresses that are called.
Not here: who is told of what (``tickets.journal.TELLS``), the Excel packages (``tickets.outbox``), the night's report (``nights``).
To add a way out: a function like ``mail.deliver`` and its channel in ``store.message_tables``.
"""
