"""What `mmrec.toml` may say: a class a section, with the defaults and what its values must fulfil.

Not here: what describes the source files (`sources.py`), reading a file or the environment (`reading.py`), nor data.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from mmrec.settings.sources import Events, Interactions, Items, Media, ModalityName, Section, Users

_CRON_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
Share = Annotated[float, Field(ge=0, le=1)]


class Calendar(Section):
    """The periods that events are cut into. `end` is exclusive; without it the calendar is open-ended."""

    period: Literal["day", "week"] = "day"
    timezone: str = "UTC"
    start: dt.date
    end: dt.date | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _known_timezone(value)

    @model_validator(mode="after")
    def _ordered(self) -> Calendar:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}; end is exclusive")
        if self.end is not None and self.period == "week" and (self.end - self.start).days < 7:
            raise ValueError(f"no whole week lies between start {self.start} and end {self.end}; end is exclusive")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which a period begins at midnight."""
        return ZoneInfo(self.timezone)


class Modality(Section):
    """One embedding: its encoder by registry name, where it runs and in which precision (keyed)."""

    encoder: str
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"


class Model(Section):
    """What is served: `refit` periods share one version of it. `kind` is a factorization that is searched for, or a
    linear item-item model; the rest is the search's grid.
    """

    kind: Literal["mf", "EASE", "L3AE"] = "mf"
    refit: int = Field(default=4, ge=1)
    width: int = Field(default=64, ge=2, le=1024)
    sweeps: int = Field(default=8, ge=1, le=50)
    min_events: int = Field(default=5, ge=2)  # a person with fewer has every event in train
    split: Literal["per_person", "global", "random", "given"] = "per_person"
    fusion: list[Literal["concat", "projection", "deep"]] = Field(default=["concat"], min_length=1)  # the first stands
    seed: int = 0


class Recommendations(Section):
    """The length of a list; the share of it that goes to items which nobody has met, so that they can be learnt; and
    how much its items should differ from each other, from 0, the order of scores, to 1.
    """

    k: int = Field(default=20, ge=1, le=1000)
    explore: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] = 0.0
    diversity: Share = 0.0

    @property
    def steering(self) -> dict[str, float]:
        """What moves items beside their scores, by name; without what is off, so that what was stored before stands."""
        return {name: value for name in ("explore", "diversity") if (value := getattr(self, name))}


class Quality(Section):
    """Thresholds of the batch contracts; the defaults are lenient."""

    max_rejected_share: Share = 0.5
    max_unknown_item_share: Share | None = None  # set: what a lake holds then depends on the catalogue of that day
    min_rows: int = Field(default=1, ge=0)
    max_rows: int = Field(default=1_000_000_000, ge=1)


class Schedule(Section):
    """When the newest landed period is refreshed, once somebody starts the schedule."""

    cron: Annotated[str, Field(pattern=r"^\S+(\s+\S+){4}$")] = "0 5 * * *"
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _known_timezone(value)

    @field_validator("cron")
    @classmethod
    def _in_range(cls, value: str) -> str:
        for field, (name, low, high) in zip(value.split(), _CRON_FIELDS, strict=True):
            numbers = [int(number) for number in re.findall(r"\d+", field.partition("/")[0])]
            if any(not low <= number <= high for number in numbers) or not re.fullmatch(r"[\dA-Za-z*,/-]+", field):
                raise ValueError(f"'{field}' is no {name}; expected {low} to {high}, *, a range or a list")
        return value


class Lake(Section):
    """Where the tables live: a folder, or an `s3://`, `gs://` or `az://` root."""

    root: str | None = None


class Settings(Section):
    """One data set, as `mmrec.toml` describes it. Paths are absolute once loaded."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9._-]+$")
    data: Path = Path()
    lake: Lake = Lake()
    calendar: Calendar
    interactions: Interactions
    events: Events
    items: Items
    users: Users | None = None
    media: Media = Media()
    embeddings: dict[ModalityName, Modality] = Field(default={})
    model: Model = Model()
    recommendations: Recommendations = Recommendations()
    quality: Quality = Quality()
    schedule: Schedule = Schedule()
    home: Path = Path(".mmrec")  # where no other place is named: lake, weights, Dagster's home
    weights: Path = Path(".mmrec/weights")

    @model_validator(mode="before")
    @classmethod
    def _without_fused(cls, given: Any) -> Any:
        if isinstance(given, dict) and "fused" in given:
            raise ValueError("[fused] is no section any more; delete it: [model] fusion names the kinds of fusion")
        return given

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        if (event := self.interactions.event) is not None and event not in self.events.weights:
            known = sorted(self.events.weights)
            raise ValueError(f"interactions.event is '{event}', which [events] gives no weight; it has {known}")
        for modality in self.embeddings:
            if modality not in self.precomputed and not getattr(self.items.columns, modality):
                raise ValueError(f"embeddings.{modality} is set, but items.columns.{modality} names no column")
        if self.users and ("text" not in self.embeddings or "text" in self.precomputed):
            found = "precomputed" if "text" in self.embeddings else "not"
            raise ValueError(f"[users] is set, but [embeddings.text] is {found}: nothing would read people's words")
        if (self.model.split == "given") != bool(self.interactions.columns.split):
            column = f"'{self.interactions.columns.split}'" if self.interactions.columns.split else "none"
            told = "model.split is 'given' where interactions.columns.split names the column of it, and only there"
            raise ValueError(f"{told}; found model.split '{self.model.split}' and the column {column}")
        if self.interactions.columns.review and not self.users:
            raise ValueError("interactions.columns.review is set, but [users] is not: no consent says it may be read")
        return self

    @property
    def precomputed(self) -> dict[str, str]:
        """The encoders, by modality, whose vectors are delivered in a file and not computed here."""
        return {name: each.encoder for name, each in self.embeddings.items() if each.encoder.startswith("precomputed:")}

    @property
    def lake_root(self) -> str:
        """Where the tables live, as a path or a URL."""
        assert self.lake.root is not None
        return self.lake.root

    @property
    def media_root(self) -> Path:
        """The folder that no media file may lie outside of."""
        return (self.data / self.media.root).resolve()


def _known_timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"'{value}' is no time zone; use an IANA name such as Europe/Berlin or UTC")
    return value
