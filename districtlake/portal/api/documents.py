"""What goes in and out of the interface, with examples."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$")]


class ReportIn(BaseModel):
    """What is wrong, as counter staff see it on their own screen."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "resource": "market_regulation.food_licences", "key": {"licence_no": "JY13302030000147"}, "item": "address",
                    "claimed": "鼓楼街道", "kind": "error", "text": "与许可证原件不符", "external_id": "2026-03-11-0042",
                }
            ]
        },
    )  # fmt: skip

    resource: Annotated[str, Field(max_length=200, description="agency.resource of the catalogue")]
    key: Annotated[dict[str, Text], Field(min_length=1, max_length=20, description="every item of the resource's key and its value")]
    item: Annotated[str | None, Field(max_length=100, description="which item; absent: the whole row, or a missing one")] = None
    claimed: Annotated[Text | None, Field(description="what would be right; kept in the store only, masked wherever shown")] = None
    kind: Annotated[Literal["error", "omission", "infringement"], Field(description="错误、遗漏、侵犯第三方合法权益")] = "error"
    text: Text = ""
    external_id: Annotated[str | None, Field(max_length=200, pattern=r"^[^\x00]*$", description="the caller's own number, returned")] = None


class ReportOut(BaseModel):
    """How a report stands. ``stage`` and ``closing`` as in the portal; no row and no value."""

    id: str
    ticket: str
    stage: Literal["waiting", "handling", "extension_requested", "reviewing", "settled", "dismissed"]
    closing: str | None
    due_date: date | None
    reported_at: datetime
    told_at: datetime | None
    external_id: str | None
    repeated: Annotated[bool, Field(description="this very call had been made before")] = False
    joined: Annotated[bool, Field(description="others had reported the same; it joined their ticket")] = False


class Problem(BaseModel):
    """RFC 9457. ``detail`` says what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"type": "urn:districtlake:client.key", "title": "The key is not valid.", "status": 401, "detail": "…"}]
        }
    )

    type: str
    title: str
    status: int
    detail: str
