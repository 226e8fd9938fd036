"""What is fast, measured beside its peers in one run.

One module is one benchmark: ``python -m benchmarks.<name>``, and a target ``bench-<name>`` in the Makefile. It makes its own seeded
data in a temporary folder, proves that all sides give the same output before any clock runs, runs each side in a process of its own,
alternating, and prints a table, then one line of JSON. To add one: write the module, its target, and a smoke test in
``tests/integration`` that asserts equal outputs and the JSON's keys, never times. Not here: tests, and anything the product imports.
"""
