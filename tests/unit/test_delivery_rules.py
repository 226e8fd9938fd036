"""What an agency is told of a file that cannot be read: plain Chinese for every code that reading gives."""

from __future__ import annotations

import re

from districtlake.errors import IngestionError
from districtlake.quality import delivery_rules
from districtlake.settings import PROJECT_ROOT

NEVER_TOLD = {  # retryable, or of the inbox and archive: no delivery is judged
    "ingestion.still_being_written", "ingestion.disk_full", "ingestion.not_a_file", "ingestion.archive", "ingestion.unreadable",
}  # fmt: skip


def test_every_code_of_reading_has_a_sentence_of_its_own() -> None:
    sources = (PROJECT_ROOT / "districtlake" / "ingestion").glob("*.py")
    codes = {code for path in sources for code in re.findall(r'"(ingestion\.[a-z_]+)"', path.read_text(encoding="utf-8"))} - NEVER_TOLD
    assert codes
    general = delivery_rules.unreadable(IngestionError("x", code="ingestion.other")).partition("（")[0]
    for code in codes:
        told = delivery_rules.unreadable(IngestionError("a.csv is odd.", hint="Mend it.", code=code))
        sentence = told.partition("（")[0]
        assert re.search(r"[一-鿿]", sentence), code
        assert sentence != general, code
        assert told.endswith("（a.csv is odd. Mend it.）")
