"""The inbox scan: whose file it is, as what, for which day, in which order; and a notice for everything nobody takes."""

from __future__ import annotations

import gzip
import os
import unicodedata
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from districtlake.catalog.models import Agency, Catalog, Item, Opening, Resource, Sharing, Source
from districtlake.ingestion.inbox import Candidate, Scan, scan
from districtlake.ingestion.names import date_by, date_in, is_junk, natural_key


def resource(agency: str, name: str, **source: Any) -> Resource:
    return Resource(
        agency=agency,
        name=name,
        code="307001002/000001",
        title=name,
        business="业务",
        system="系统",
        items=(Item(name="citizen_id", title="公民身份号码", element="citizen_id"),),
        storage_format="spreadsheet",
        sharing=Sharing(class_="unconditional"),
        opening=Opening(class_="unconditional"),
        provision=("api",),
        update_cycle="daily",
        sharing_term="permanent",
        key=("citizen_id",),
        source=Source(**{"mode": "snapshot", **source}),
    )


def catalog(*resources: Resource) -> Catalog:
    agencies = {found.agency for found in resources} | {"health_bureau"}
    return Catalog(
        agencies={agency: Agency(id=agency, name=agency, kind="administrative_organ") for agency in agencies},
        elements={},
        code_lists={},
        resources={found.id: found for found in resources},
    )


LEASES = resource(
    "housing_bureau", "leases", files="leases*.xlsx", corrections="leases*更正*.xlsx", period=r"(?P<year>\d{4})年(?P<month>\d{1,2})月"
)
DEATHS = resource("civil_affairs_bureau", "deaths", files=("死亡*.csv", "deaths/**/*.txt"), mode="incremental")


def put(inbox: Path, relative: str, content: bytes = b"x") -> Path:
    path = inbox / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def only(found: Scan) -> Candidate:
    assert found.notices == ()
    (candidate,) = found.candidates
    return candidate


def test_any_layout_with_the_agency_on_the_way(tmp_path: Path) -> None:
    for relative in ("housing_bureau/leases.xlsx", "2024-03-01/Housing_Bureau/leases.xlsx", "a/b/housing_bureau/c/d/LEASES_1.XLSX"):
        put(tmp_path, relative)
    found = scan(tmp_path, catalog(LEASES))
    assert found.notices == ()
    assert [(c.agency, c.resource, c.mode) for c in found.candidates] == [("housing_bureau", "housing_bureau.leases", "snapshot")] * 3
    assert {c.relative: c.data_date for c in found.candidates}["2024-03-01/Housing_Bureau/leases.xlsx"] == date(2024, 3, 1)


def test_names_match_whatever_their_unicode_form(tmp_path: Path) -> None:
    accented = resource("housing_bureau", "cafe", files="café*.csv")
    put(tmp_path, "housing_bureau/" + unicodedata.normalize("NFD", "CAFÉ 1.csv"))
    assert only(scan(tmp_path, catalog(accented))).resource == "housing_bureau.cafe"


def test_a_correction_is_told_from_the_ordinary_file(tmp_path: Path) -> None:
    put(tmp_path, "housing_bureau/leases 更正 2024年3月.xlsx")
    candidate = only(scan(tmp_path, catalog(LEASES)))
    assert (candidate.mode, candidate.data_date) == ("correction", date(2024, 3, 1))


def test_order_is_by_date_then_corrections_then_name_and_never_by_time_of_change(tmp_path: Path) -> None:
    names = ["leases.xlsx", "leases 2024年1月 2.xlsx", "leases 2024年1月 10.xlsx", "leases 更正 2024年1月.xlsx", "leases 2024年2月.xlsx"]
    for age, name in enumerate(names):
        path = put(tmp_path, f"housing_bureau/{name}")
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    found = scan(tmp_path, catalog(LEASES))
    assert [c.relative.split("/")[1] for c in found.candidates] == names
    assert [c.order_key for c in found.candidates] == sorted(c.order_key for c in found.candidates)


def test_a_glob_with_a_folder_is_about_the_path_below_the_agency(tmp_path: Path) -> None:
    put(tmp_path, "civil_affairs_bureau/deaths/2024/03/list.txt")
    put(tmp_path, "civil_affairs_bureau/other/list.txt")
    found = scan(tmp_path, catalog(DEATHS))
    assert [c.relative for c in found.candidates] == ["civil_affairs_bureau/deaths/2024/03/list.txt"]
    assert [n.code for n in found.notices] == ["inbox.unmatched"]


def test_half_written_and_system_files_are_passed_over_without_a_word(tmp_path: Path) -> None:
    for name in ("leases.xlsx.part", "leases.xlsx.tmp", "leases.xlsx.crdownload", "~$leases.xlsx", ".leases.xlsx", ".DS_Store", "Thumbs.db",
                 ".leases.xlsx.swp", "leases.xlsx~", "__MACOSX/leases.xlsx", ".git/leases.xlsx"):  # fmt: skip
        put(tmp_path, f"housing_bureau/{name}")
    assert scan(tmp_path, catalog(LEASES)) == Scan((), ())


def test_what_matches_nothing_is_noticed_with_the_globs_that_would(tmp_path: Path) -> None:
    put(tmp_path, "housing_bureau/租赁.xlsx")
    (notice,) = scan(tmp_path, catalog(LEASES)).notices
    assert notice.code == "inbox.unmatched"
    assert "housing_bureau/租赁.xlsx" in notice.message
    assert "leases*.xlsx" in notice.hint
    assert "leases*更正*.xlsx" in notice.hint


def test_an_unknown_agency_is_noticed(tmp_path: Path) -> None:
    put(tmp_path, "tax_bureau/leases.xlsx")
    put(tmp_path, "leases.xlsx")
    found = scan(tmp_path, catalog(LEASES))
    assert [n.code for n in found.notices] == ["inbox.unknown_agency"] * 2
    assert "housing_bureau" in found.notices[0].hint


def test_an_agency_without_resources_is_noticed(tmp_path: Path) -> None:
    put(tmp_path, "health_bureau/x.csv")
    (notice,) = scan(tmp_path, catalog(LEASES)).notices
    assert notice.code == "inbox.unmatched"
    assert "health_bureau" in notice.hint


def test_two_resources_are_never_chosen_between(tmp_path: Path) -> None:
    put(tmp_path, "housing_bureau/leases.xlsx")
    twin = resource("housing_bureau", "all_tables", files="*.xlsx")
    found = scan(tmp_path, catalog(LEASES, twin))
    assert found.candidates == ()
    (notice,) = found.notices
    assert notice.code == "inbox.ambiguous"
    assert "housing_bureau.leases" in notice.message
    assert "housing_bureau.all_tables" in notice.message


def test_a_missing_inbox_is_empty(tmp_path: Path) -> None:
    assert scan(tmp_path / "nothing", catalog(LEASES)) == Scan((), ())


def test_links_are_followed_only_inside_the_inbox(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    outside = put(tmp_path, "secret.xlsx")
    inside = put(inbox, "housing_bureau/leases 1.xlsx")
    (inbox / "housing_bureau" / "leases 2.xlsx").symlink_to(outside)
    (inbox / "housing_bureau" / "leases 3.xlsx").symlink_to(inside)
    (inbox / "housing_bureau" / "folder").symlink_to(tmp_path)
    (inbox / "housing_bureau" / "leases 4.xlsx").symlink_to(inbox / "nowhere")
    os.mkfifo(inbox / "housing_bureau" / "leases 5.xlsx")
    found = scan(inbox, catalog(LEASES))
    assert [(c.relative, c.path) for c in found.candidates] == [
        ("housing_bureau/leases 1.xlsx", inside),
        ("housing_bureau/leases 3.xlsx", inside.resolve()),
    ]
    assert {n.relative.split("/")[1]: n.code for n in found.notices} == {
        "folder": "inbox.outside",
        "leases 2.xlsx": "inbox.outside",
        "leases 4.xlsx": "inbox.unreadable",
        "leases 5.xlsx": "inbox.not_a_file",
    }


def test_a_packed_delivery_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "civil_affairs_bureau"
    folder.mkdir()
    with zipfile.ZipFile(folder / "export.zip", "w") as packed:
        packed.writestr("readme.md", "x")
        packed.writestr("死亡20240105.csv", "x")
        packed.writestr("__MACOSX/._死亡20240105.csv", "x")
    (folder / "死亡20240106.csv.gz").write_bytes(gzip.compress(b"x"))
    found = scan(tmp_path, catalog(DEATHS))
    assert found.notices == ()
    assert [(c.member, c.data_date) for c in found.candidates] == [
        ("死亡20240105.csv", date(2024, 1, 5)),
        ("死亡20240106.csv", date(2024, 1, 6)),
    ]


def test_a_zip_of_many_or_of_rubbish_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "civil_affairs_bureau"
    folder.mkdir()
    with zipfile.ZipFile(folder / "two.zip", "w") as packed:
        packed.writestr("死亡1.csv", "x")
        packed.writestr("死亡2.csv", "x")
    put(tmp_path, "civil_affairs_bureau/broken.zip", b"PK\x03\x04 rubbish")
    found = scan(tmp_path, catalog(DEATHS))
    assert found.candidates == ()
    assert [n.code for n in found.notices] == ["inbox.packed"] * 2
    assert all(n.hint for n in found.notices)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("leases_2024-03-05.csv", date(2024, 3, 5)),
        ("leases 20240305.csv", date(2024, 3, 5)),
        ("20240305174500_x.csv", date(2024, 3, 5)),
        ("2024年3月5日.csv", date(2024, 3, 5)),
        ("2024.03.05", date(2024, 3, 5)),
        ("330203199001011234.csv", None),  # an identity number is no date
        ("20241340 20240229.csv", date(2024, 2, 29)),
        ("20230229.csv", None),
        ("2017全国高等学校名单.xls", None),
        ("v12024030512.csv", None),
    ],
)
def test_dates_in_names(text: str, day: date | None) -> None:
    assert date_in(text) == day


def test_the_period_gives_what_it_names() -> None:
    assert date_by(r"^(?P<year>\d{4})全国", "2017全国高等学校名单.xls") == date(2017, 1, 1)
    assert date_by(r"(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)", "x240305") == date(2024, 3, 5)
    assert date_by(r"(?P<year>\d{4})(?P<month>\d\d)", "x202413") is None
    assert date_by(r"(?P<year>\d{4})", "x") is None


def test_junk_and_natural_order() -> None:
    assert is_junk("a/.hidden/b.csv")
    assert not is_junk("a/b.csv")
    assert sorted(["x10", "x9", "x1y2", "x1"], key=natural_key) == ["x1", "x1y2", "x9", "x10"]
