"""A draft as the files of a catalogue folder, with the evidence as comments; trying them before anybody else does."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from districtlake.catalog.load import read_catalog
from districtlake.catalog.models import Catalog
from districtlake.drafting.draft import Draft
from districtlake.errors import CatalogError, DistrictLakeError
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.read import read_file

PLACEHOLDER = "待填"


def files_of(draft: Draft) -> dict[str, str]:
    """Path below a catalogue folder -> its text. ``standards/elements.yaml`` holds the new elements alone: add them to those that are there."""
    files = {f"resources/{draft.agency}/{draft.name}.yaml": "\n".join(_entry(draft)) + "\n"}
    titles = {item.element: item.title for item in draft.items if item.own is not None}
    if draft.own:
        lines = [f"# 起草 {draft.id} 时拟新增的数据元；名称、定义、格式、值域、敏感级别均待核对"]
        for own in draft.own:
            lines.append(f"{own.id}:")
            lines += [f"  {field}: {_scalar(value)}" for field, value in own.as_fields(titles[own.id]).items()]
        files["standards/elements.yaml"] = "\n".join(lines) + "\n"
    for own in draft.own:
        if own.codes is not None:
            lines = [f"name: {_scalar(titles[own.id])}", f"source: {_scalar(f'草案，取自交付文件（{PLACEHOLDER}）')}"]
            lines += ["codes:", *(f"  {_scalar(code, text=True)}: {_scalar(label, text=True)}" for code, label in own.codes.items())]
            files[f"standards/codes/{own.id}.yaml"] = "\n".join(lines) + "\n"
    return files


def _entry(draft: Draft) -> list[str]:
    gathered, found = draft.gathered, draft.found
    rows = sum(sample.rows for sample in gathered.samples)
    lines = [
        f"# 草案：由 {len(gathered.samples)} 份文件、{rows:,} 行起草。每项建议后为依据；“{PLACEHOLDER}”须由人填写，其余须确认。",
        "# 未经确认的规则只报告（on_failure: report），不隔离数据行；仅主键的规则隔离。确认后删去 on_failure 和 severity 即为通常的后果。",
        *(f"# {_comment(remark)}" for remark in draft.remarks),
        f"code: {draft.code}  # {PLACEHOLDER}：类、项、目、细目和顺序号",
        f"title: {_scalar(draft.title)}",
        f"description: {_scalar(f'{PLACEHOLDER}：一行是什么')}",
        f"business: {PLACEHOLDER}",
        f"system: {PLACEHOLDER}",
        f"storage_format: {draft.storage_format}",
        f"sharing: {{class: restricted, reason: {PLACEHOLDER}, legal_basis: {PLACEHOLDER}}}  # {PLACEHOLDER}：暂按最谨慎的一类",
        f"opening: {{class: none, reason: {PLACEHOLDER}}}  # {PLACEHOLDER}",
        f"provision: [analysis]  # {PLACEHOLDER}",
        f"update_cycle: {draft.update_cycle[0]}  # {draft.update_cycle[1]}",
        f"sharing_term: {draft.sharing_term.isoformat()}  # {PLACEHOLDER}",
    ]
    if found.key is not None:
        names = [draft.items[at].name for at in found.key.places]
        lines.append(f"key: {_scalar(names)}  # 每份文件内不重复、不空缺：{found.key.evidence}（完全重复的行只算一次）")
        for other in found.others:
            lines.append(f"# 也可作主键：{' + '.join(draft.items[at].name for at in other.places)}，{other.evidence}")
    else:
        lines.append("# 没有列或列的组合能识别一行（容许 3% 例外）")
    lines.append(f"source: {_scalar(draft.source)}  # {found.mode_evidence}")
    lines.append("items:")
    key = {draft.items[at].name for at in found.key.places} if found.key is not None else set()
    for item in draft.items:
        told: dict[str, Any] = {"name": item.name, "title": item.title, "element": item.element}
        if item.required:
            told["required"] = True
        if item.volatile:
            told["volatile"] = True
        if item.aliases:
            told["aliases"] = item.aliases
        told |= item.bounds
        if item.references is not None:
            told["references"] = {"resource": item.references[0], "item": item.references[1]}
        if item.name not in key:
            told |= {"on_failure": "report", "severity": "warning"}
        lines.append(f"  - {_scalar(told)}  # {_comment('；'.join(item.evidence))}")
    if found.checks:
        lines.append("checks:")
        for check, evidence in found.checks:
            lines.append(f"  - {_scalar({**check, 'on_failure': 'report', 'severity': 'warning'})}  # {evidence}")
    lines += [f"# {_comment(note)}" for note in found.notes]
    return lines


def _scalar(value: Any, text: bool = False) -> str:
    """YAML of a value on one line."""
    if text:
        if any(ord(char) < 32 for char in str(value)):
            return json.dumps(str(value), ensure_ascii=False)
        return "'" + str(value).replace("'", "''") + "'"
    dumped = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, sort_keys=False, width=10**9).strip()
    return dumped.removesuffix("\n...").strip()


def _comment(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True)
class Tried:
    """What reading the files by the draft gave: rows read by it, and columns of it that a file lacks."""

    file: str
    rows: int
    missing: tuple[str, ...]
    error: str = ""


def tried(draft: Draft, dirs: Sequence[Path], limits: Limits) -> tuple[Catalog, list[Tried]]:
    """Load the draft beside the catalogue and read its files with it.

    Raises:
        CatalogError: the draft does not load.
    """
    with tempfile.TemporaryDirectory(prefix="draft-") as folder:
        write(draft, Path(folder))
        before = {str(fault) for fault in read_catalog(dirs).faults}
        loaded = read_catalog([*dirs, Path(folder)])
        faults = [fault for fault in loaded.faults if str(fault) not in before]
    if faults or draft.id not in loaded.catalog.resources:
        raise faults[0] if faults else CatalogError(f"The draft of {draft.id} does not load.", hint="Report the files' headers.")
    resource = loaded.catalog.resources[draft.id]
    found = []
    for sample in draft.gathered.samples:
        try:
            delivery = read_file(sample.path, sample.path.name, resource, limits)
        except DistrictLakeError as error:
            found.append(Tried(sample.path.name, 0, (), error.message))
        else:
            found.append(Tried(sample.path.name, delivery.frame.height, tuple(delivery.report.missing)))
    return loaded.catalog, found


def existing(draft: Draft, folder: Path) -> list[Path]:
    """Files that writing would replace. The register of elements is not replaced but added to."""
    return [folder / path for path in files_of(draft) if path != "standards/elements.yaml" and (folder / path).exists()]


def write(draft: Draft, folder: Path) -> list[Path]:
    """Write the files; new elements are added at the end of a register that is there (those it has already are left as they are)."""
    written = []
    for relative, text in files_of(draft).items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        if relative == "standards/elements.yaml" and path.exists():
            there = path.read_text(encoding="utf-8")
            known = set(yaml.safe_load(there) or {})
            blocks = [block for block in _blocks(text) if block.partition(":")[0] not in known]
            if not blocks:
                continue
            text = there.rstrip("\n") + "\n" + f"# 起草 {draft.id} 时拟新增的数据元，待核对\n" + "".join(blocks)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _blocks(text: str) -> list[str]:
    """The entries of a register's text, each with its lines."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("#"):
            continue
        if line.startswith(" "):
            found[-1] += line
        else:
            found.append(line)
    return found
