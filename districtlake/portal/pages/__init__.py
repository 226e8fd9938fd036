"""Routes, one module per group of pages. A route asks a room below for what the viewer sees, and renders it; nothing is decided here.

Does not live here: SQL without a scope, rules about tickets, files. To add a group: a module with ``router``, listed below.
"""

from districtlake.portal.pages import answers, audit, board, feedback, files, leads, quality, resources, sign_in, tickets

ROUTERS = (
    sign_in.router,
    tickets.router,
    leads.router,
    files.router,
    answers.router,
    feedback.router,
    resources.router,
    quality.router,
    board.router,
    audit.router,
)
