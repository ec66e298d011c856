"""Commands that ask: recommend, why, similar, impact, compare, rejected, sql, export. They read, and change nothing.

torch is imported only by what encodes or folds in. Not here: the answers (`mmrec/queries`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from mmrec import folders, tables
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.modalities import NOUNS
from mmrec.queries import recommend as recommending
from mmrec.queries import rejected as rejecting
from mmrec.queries import similar as comparing
from mmrec.queries import why as explaining
from mmrec.settings import Settings, load
from mmrec_assets.cli import printed, shell
from mmrec_assets.cli.shell import Json, Period, User, nfc


@shell.app.command()
def recommend(
    user: Annotated[str | None, typer.Option(help="A person's id, as the events have it.", callback=nfc)] = None,
    text: Annotated[str | None, typer.Option(help="A sentence: a list for who searches for it.")] = None,
    items: Annotated[str | None, typer.Option(help="Ids, separated by commas: a list for who liked them.")] = None,
    popular: Annotated[bool, typer.Option("--popular", help="What most chose; with --user: if unknown.")] = False,
    period: Period = None,
    as_json: Json = False,
) -> None:
    """Print a list with a reason for each item: a person's, or one for a sentence, for items, or of what is popular."""
    settings = load()
    answer = _recommended(
        Lake(settings.lake_root), settings, user, text, items, popular, shell.checked(settings, period)
    )
    if user is not None and answer["list"] == "popular" and not as_json:
        shell.out.print("this person has no published list; what most people chose instead:")
    shell.show(answer, as_json, printed.recommended)


def _recommended(
    lake: Lake,
    settings: Settings,
    user: str | None,
    text: str | None,
    items: str | None,
    popular: bool,
    period: str | None,
) -> dict[str, Any]:
    from mmrec.queries import ad_hoc, sentence

    asked = text is not None and items is None and not popular  # of nobody, or of a person
    if not asked and sum(given is not None for given in (user, text, items)) + (popular and user is None) != 1:
        raise typer.BadParameter(
            "name one of --user, --text, --items and --popular, or --user with --text or --popular"
        )
    if text is not None:
        return sentence.for_text(lake, settings, text, period, user)
    if items is not None:
        named = [nfc(each) or "" for each in items.split(",") if each.strip()]
        return ad_hoc.for_items(lake, settings, named, period)
    if user is None:
        return ad_hoc.popular(lake, settings, period)
    try:
        return recommending.recommend(lake, settings, user, period)
    except recommending.UnknownPerson:
        if popular:
            return ad_hoc.popular(lake, settings, period)
        raise


@shell.app.command()
def why(
    user: User,
    item: Annotated[str | None, typer.Option(help="An item; the first of the list by default.", callback=nfc)] = None,
    period: Period = None,
    as_json: Json = False,
) -> None:
    """Follow one recommendation back to the events, the bytes and the verdicts it rests on."""
    settings = load()
    answer = explaining.why(Lake(settings.lake_root), settings, user, item, shell.checked(settings, period))
    shell.show(answer, as_json, printed.why)


@shell.app.command()
def similar(
    item: Annotated[str | None, typer.Option(help="An item's id.", callback=nfc)] = None,
    text: Annotated[str | None, typer.Option(help="A sentence; finds pictures too if a joint model is there.")] = None,
    image: Annotated[Path | None, typer.Option(help="A file with a picture.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A file with a sound.")] = None,
    video: Annotated[Path | None, typer.Option(help="A file with a clip.")] = None,
    by: Annotated[str, typer.Option(help=f"What to compare by: {', '.join(NOUNS)}, or all of them.")] = "all",
    as_json: Json = False,
) -> None:
    """Print the items that are most like one, or nearest to a sentence or to a file of one's own."""
    from mmrec.queries import search

    files = {name: path for name, path in (("image", image), ("audio", audio), ("video", video)) if path is not None}
    if (item is not None) + (text is not None) + len(files) != 1:
        raise typer.BadParameter("name one of --item, --text, --image, --audio and --video")
    settings = load()
    lake = Lake(settings.lake_root)
    if item is not None:
        shell.show(comparing.similar(lake, settings, item, by), as_json, printed.similar)
    elif text is not None:
        shell.show(search.by_text(lake, settings, text, by), as_json, printed.nearest)
    else:
        [(modality, path)] = files.items()
        if by not in (modality, "all"):
            raise typer.BadParameter(f"--{modality} is compared with each {NOUNS[modality]} alone; leave --by out")
        shell.show(search.by_file(lake, settings, path, modality), as_json, printed.nearest)


@shell.app.command()
def impact(
    item: Annotated[str | None, typer.Option(help="An item's id.", callback=nfc)] = None,
    file: Annotated[str | None, typer.Option(help="A delivered file, by its name in the data or media folder.")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the question that each answer is of.")] = False,
    as_json: Json = False,
) -> None:
    """Say what rests on an item or a file: vectors, factors, lists, reasons, snapshots. People are counted."""
    from mmrec.queries import impact as resting
    from mmrec_assets.cli import traced

    if (item is None) == (file is None):
        raise typer.BadParameter("name one of --item and --file")
    settings = load()
    lake = Lake(settings.lake_root)
    found = resting.of_file(lake, settings, file) if file else resting.of_item(lake, settings, item or "")
    if as_json:
        shell.print_json({**found.as_dict(), **({"sql": found.queries} if sql else {})})
    else:
        traced.impact(shell.out, found, sql)


@shell.app.command()
def compare(
    models: Annotated[
        str | None, typer.Option(help="Models to set beside the served one, separated by commas.")
    ] = None,
    period: Period = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: Json = False,
) -> None:
    """Set the served model beside others: figures with intervals and paired differences. Fits anew; writes nothing."""
    from mmrec.queries import compare as comparing_models
    from mmrec_assets.cli import compared

    settings = load()
    named = None if models is None else [name.strip() for name in models.split(",") if name.strip()]
    answer = comparing_models.compare(Lake(settings.lake_root), settings, named, shell.checked(settings, period))
    if markdown:
        shell.print_text(compared.markdown(answer))
    else:
        shell.show(answer, as_json, compared.compared)


@shell.app.command()
def rejected(
    period: Period = None,
    limit: Annotated[int, typer.Option(help="How many rows to show.", min=0)] = 20,
    as_json: Json = False,
) -> None:
    """Show rejected rows with the rule they broke, and media that could not be encoded."""
    settings = load()
    answer = rejecting.rejected(Lake(settings.lake_root), shell.checked(settings, period), limit)
    shell.show(answer, as_json, printed.rejected)


@shell.app.command()
def sql(
    query: Annotated[str, typer.Argument(help="Over views such as validated.items or model.evaluation.")],
    as_json: Json = False,
) -> None:
    """Answer a SQL question by DuckDB over the lake; nothing can be written."""
    import duckdb

    lake = Lake(load().lake_root)
    lake.exists(tables.BUILDS)  # an older lake says so, where a table that it has not would seem empty
    try:
        answer = lake.sql(query)
    except (duckdb.Error, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # What DuckDB could not convert, and the line it points at, may be a person's.
        if (unusable := folders.of_any(error, folders.lake_folder(lake.root))) is not None:
            raise unusable from None
        told = re.sub(r"string '[^']*'", "a value", str(error).split("LINE ")[0])
        raise MmrecError(" ".join(told.split())) from None
    if as_json:
        shell.print_json(answer.to_dicts())
        return
    printed.rows(shell.out, answer)


@shell.app.command()
def export(
    to: Annotated[Path, typer.Option(help="A folder that is empty or not there yet.")],
    period: Period = None,
    as_json: Json = False,
) -> None:
    """Write the served model to open files: factors, id maps, settings. They name people."""
    from mmrec.queries import export as exporting

    settings = load()
    with folders.told(to, f"the folder {to}"):
        answer = exporting.write(Lake(settings.lake_root), settings, to.absolute(), shell.checked(settings, period))
    shell.show(answer, as_json, printed.exported)
