"""What `mmrec.toml` may say: a class a section, with the defaults and what its values must fulfil.

Not here: reading a file or the environment (`reading.py`), nor data.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_CRON_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
ModalityName = Literal["text", "image", "audio", "video"]
Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Calendar(_Section):
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


class InteractionColumns(_Section):
    """Which column of the event files holds what; the last four may be absent.

    `query` and `review` hold a person's own words: what was searched for, and what was written about the item.
    """

    user_id: str = "user_id"
    item_id: str = "item_id"
    time: str = "time"
    event: str | None = None
    value: str | None = None
    query: str | None = None
    review: str | None = None


class Interactions(_Section):
    """The event files. `event` is the type of rows where no column says it.

    A value below `liked_from`, or at most 0, says that the item was met and not liked. `value_scale` says whether an
    event's weight is multiplied by its value (`linear`), by log(1 + value) (`log`), or by nothing (`none`).
    """

    files: list[str] = Field(min_length=1)
    columns: InteractionColumns = InteractionColumns()
    event: str | None = None
    value_range: tuple[float, float] | None = None
    liked_from: Annotated[float, Field(allow_inf_nan=False)] | None = None
    value_scale: Literal["none", "linear", "log"] = "none"

    @field_validator("value_range")
    @classmethod
    def _lowest_first(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not value[0] <= value[1]:
            raise ValueError(f"found {list(value)}; expected two numbers, the lowest first")
        return value

    @model_validator(mode="after")
    def _has_event(self) -> Interactions:
        if self.event is None and self.columns.event is None:
            raise ValueError("neither event nor columns.event is set; name the event type or the column that holds it")
        return self


class Events(_Section):
    """What an event of each type weighs; at 0 the item was met, and nothing more. Types in `ignore` are kept out.

    In the file, the weights stand beside `ignore` in one table: `view = 1.0`.
    """

    weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(min_length=1)
    ignore: list[str] = []

    @model_validator(mode="before")
    @classmethod
    def _apart(cls, given: Any) -> Any:
        if not isinstance(given, dict) or isinstance(given.get("weights"), dict):
            return given
        is_type = isinstance(given.get("ignore", 0), int | float)  # a type of event may be called so
        ignore = {} if is_type else {"ignore": given["ignore"]}
        return {"weights": {name: weight for name, weight in given.items() if name not in ignore}, **ignore}

    @model_validator(mode="after")
    def _some_weigh(self) -> Events:
        if not any(self.weights.values()):
            raise ValueError("every weight is 0, so no event says what anybody likes; give one type a weight above 0")
        if both := sorted(set(self.weights) & set(self.ignore)):
            raise ValueError(f"'{both[0]}' has a weight and is ignored; keep one of the two")
        return self


class ItemColumns(_Section):
    """Which column of the catalogue holds what; the columns named in `text` are joined to the item's text.

    `image`, `audio` and `video` name columns of files below the media root.
    """

    item_id: str = "item_id"
    title: str = "title"
    text: list[str] = []
    image: str | None = None
    audio: str | None = None
    video: str | None = None
    categories: str | None = None


class Items(_Section):
    """The catalogue files. `attributes` are further columns that are kept beside an item and that no encoder reads."""

    files: list[str] = Field(min_length=1)
    columns: ItemColumns = ItemColumns()
    attributes: list[str] = []

    @field_validator("attributes")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError(f"found {value}; expected each column once")
        return value


class UserColumns(_Section):
    """Which column of the profile files holds what; `consent` says whether a person's words may be read."""

    user_id: str = "user_id"
    text: list[str] = []
    consent: str = "consent"


class Users(_Section):
    """The profile files. Each text of a consenting person counts as one liked item of this `weight`."""

    files: list[str] = Field(min_length=1)
    columns: UserColumns = UserColumns()
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class Media(_Section):
    """Where the catalogue's files lie. `stand_in` names the kinds that are drawn, not real: said wherever they show."""

    root: str = "."
    stand_in: list[ModalityName] = []


class Modality(_Section):
    """One embedding: its encoder by registry name, where it runs and in which precision (keyed)."""

    encoder: str
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"


class Fused(_Section):
    """How the modalities' vectors become one vector an item."""

    kind: str = "concat"  # one of `mmrec/fusion/kinds.py`


class Model(_Section):
    """The factorization: `refit` periods share one item-factor version; the rest is the search's grid."""

    refit: int = Field(default=4, ge=1)
    width: int = Field(default=64, ge=2, le=1024)
    sweeps: int = Field(default=8, ge=1, le=50)
    min_events: int = Field(default=5, ge=2)  # a person with fewer has every event in train
    split: Literal["per_person", "global", "random"] = "per_person"
    fusion: list[Literal["concat", "projection", "deep"]] = Field(default=["concat"], min_length=1)  # the first stands
    seed: int = 0


class Recommendations(_Section):
    """The length of a list, and the share of it that goes to items which nobody has met, so that they can be learnt."""

    k: int = Field(default=20, ge=1, le=1000)
    explore: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] = 0.0


class Quality(_Section):
    """Thresholds of the batch contracts; the defaults are lenient."""

    max_rejected_share: Share = 0.5
    max_unknown_item_share: Share | None = None  # set: what a lake holds then depends on the catalogue of that day
    min_rows: int = Field(default=1, ge=0)
    max_rows: int = Field(default=1_000_000_000, ge=1)


class Schedule(_Section):
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


class Lake(_Section):
    """Where the tables live: a folder, or an `s3://`, `gs://` or `az://` root."""

    root: str | None = None


class Settings(_Section):
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
    embeddings: dict[ModalityName, Modality] = {}
    fused: Fused = Fused()
    model: Model = Model()
    recommendations: Recommendations = Recommendations()
    quality: Quality = Quality()
    schedule: Schedule = Schedule()
    home: Path = Path(".mmrec")  # where no other place is named: lake, weights, Dagster's home
    weights: Path = Path(".mmrec/weights")

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
