"""The portal: pages for the bureau's and the agencies' staff. Stored results are read, never Dagster's graph.

Lives here: the application (``app``), what every request passes (``guard``), templates and their words (``rendering``, ``texts/``),
one module of routes per group of pages (``pages/``), sign-in by an identity provider (``oidc``).
Does not live here: accounts and scope (``access``), what a ticket may become (``tickets``), receiving files (``delivery``).
To add a page: a module in ``pages`` with a ``router``, its template, its words in ``texts/zh.yaml`` and ``texts/en.yaml``.
"""
