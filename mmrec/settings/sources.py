"""The sections of `mmrec.toml` that describe the source files: events, catalogue, profiles and media.

Here: which column holds what, and what values may be. Not here: the other sections (`sections.py`), nor a file.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ModalityName = Literal["text", "image", "audio", "video"]


class Section(BaseModel):
    """A table of the file: nothing in it that is not named here, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class InteractionColumns(Section):
    """Which column of the event files holds what; the last five may be absent.

    `query` and `review` hold a person's own words: what was searched for, and what was written about the item. `split`
    says of every event whether it is train, validation or test (`[model] split = "given"`).
    """

    user_id: str = "user_id"
    item_id: str = "item_id"
    time: str = "time"
    event: str | None = None
    value: str | None = None
    query: str | None = None
    review: str | None = None
    split: str | None = None


class Interactions(Section):
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


class Events(Section):
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


class ItemColumns(Section):
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


class Items(Section):
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


class UserColumns(Section):
    """Which column of the profile files holds what; `consent` says whether a person's words may be read."""

    user_id: str = "user_id"
    text: list[str] = []
    consent: str = "consent"


class Users(Section):
    """The profile files. Each text of a consenting person counts as one liked item of this `weight`."""

    files: list[str] = Field(min_length=1)
    columns: UserColumns = UserColumns()
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class Media(Section):
    """Where the catalogue's files lie. `stand_in` names the kinds that are drawn, not real: said wherever they show."""

    root: str = "."
    stand_in: list[ModalityName] = []
