"""Fuzzing of everything that reads files: `make fuzz SECONDS=60 [TARGET=…] [ENGINE=…]`.

Each target runs in a process of its own with bounds on time and memory (`__main__`, `child`). Bytes come from seeds (`seeds`) and
structured strategies, damaged by `mutation`; what came of them is held against independent readings (`oracles`). A find is mended in
the reader and stays as a case in `test_fuzz_cases.py`, built there from small texts. To add a reader: its seeds, its oracle, its name in `TARGETS`.
"""
