"""The interface for counter programs: report wrong data in one call that may be repeated, ask how it stands, be called back.

``app``: the application below ``/api``, with its own description (OpenAPI). ``routes``: its calls. ``documents``: what goes in and out.
Not here: keys (``access.clients``), what a report becomes (``tickets.feedback``), callbacks (``notifications``), pages (``pages``).
To add a call: its documents with an example, a route, its section in docs/feedback-api.md and docs/zh/反馈接口.md.
"""
