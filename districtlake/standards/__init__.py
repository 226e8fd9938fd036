"""Standards of Chinese public data: what a well-formed value of each kind is, and which repairs keep its meaning.

Lives here: one file per standard or data type, ``kind`` (what a kind is), ``kinds`` (the register), ``repairs`` (every
alteration of text that may be made), ``check_digits`` (numpy kernels), ``masking``. Does not live here: frames, resources and
the change log (``cleansing``), rules (``quality``), YAML (``catalog``).
To add a kind: subclass ``Kind`` in a file of its own, give each error a status code with a Chinese reason, add it to ``KINDS``.
"""
