"""The unified catalogue: its shape, reading it from the YAML folders, and checking it.

``models``: what an agency, element, code list and resource are. ``load``: folders of YAML to a ``Catalog``. ``check``: what a
single file cannot know (references, overlapping globs, duplicate collection). ``globs``: whether two file patterns overlap.
Not here: the data itself (the folder ``catalog/`` beside this package), rules made from it (``quality.derive``), the policy
pack (``policy``). To add a resource write one YAML file, no code; to add a cross-check write one function in ``check``
and name it in ``CROSS_CHECKS``.
"""
