"""Who may come in, and what they may see: accounts, sessions, roles, the scope of an agency.

Lives here: local accounts with argon2 (``accounts``), server-side sessions (``sessions``), the person behind a request and what
that person sees (``viewer``). Does not live here: pages and routes (``portal``), what a role may do to a ticket (``tickets``).
To add a role: name it in ``viewer.ROLES`` with what it sees; the state machine of tickets says what it may do.
"""
