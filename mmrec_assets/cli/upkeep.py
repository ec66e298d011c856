"""Commands that look after a lake: verify, repair, vacuum, migrate. Not here: what makes it (`work.py`)."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import Annotated

import typer

from mmrec.lake.store import Lake
from mmrec.planning import walk
from mmrec.settings import load
from mmrec_assets.cli import shell, work
from mmrec_assets.cli.shell import Json


@shell.app.command()
def verify(
    period: Annotated[str | None, typer.Option(help="A published period; all published ones by default.")] = None,
    last: Annotated[int | None, typer.Option(help="How many published periods, up to it.", min=1)] = None,
    stored_vectors: Annotated[bool, typer.Option(help="Take the stored vectors as given: nothing is encoded.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only read everything once, against the digests that the lake holds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build everything again from nothing and compare it with the lake, table by table; 1 where it differs."""
    if quick:
        raise typer.Exit(_quick(as_json))
    from mmrec.verification import oracle
    from mmrec.verification import scope as scopes
    from mmrec_assets.cli import traced

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the temporary lake goes, as after Ctrl-C
    settings = load()
    lake = Lake(settings.lake_root)
    scope = scopes.choose(lake, settings, shell.checked(settings, period), last)
    if not as_json:
        shell.out.print(traced.scope_line(scope))
    outcomes = []
    with closing(oracle.verify(lake, settings, scope, stored_vectors=stored_vectors)) as found:
        for outcome in found:
            outcomes.append(outcome)
            for line in () if as_json else traced.outcome_lines(outcome):
                shell.out.print(line)
    equal = all(outcome.equal for outcome in outcomes)
    if as_json:
        about = {"equal": equal, "periods": scope.chosen, "left_out": scope.behind}
        shell.print_json({**about, "tables": [traced.as_json(outcome) for outcome in outcomes]})
    else:
        shell.out.print(traced.verdict_line(outcomes))
    raise typer.Exit(0 if equal else 1)


def _quick(as_json: bool) -> int:
    """Reads everything once, and says what is not what was written; 1 where something is not."""
    from mmrec.upkeep import damage

    settings = load()
    found = list(damage.found(Lake(settings.lake_root), settings))
    if as_json:
        shell.print_json({"whole": not found, "damages": [{"table": each.table, "told": each.told} for each in found]})
    else:
        for each in found:
            shell.out.print(f"{each.table}: {each.told}")
        told = f"{len(found)} damages; type `mmrec repair`" if found else "every file is what was written"
        shell.out.print(told)
    return 1 if found else 0


@shell.app.command()
def repair() -> None:
    """Mend what is damaged: logs from their copies, rows by computing them again. Says what cannot be had back."""
    from mmrec.upkeep import repair as mending

    settings = load()
    lake = Lake(settings.lake_root)
    done = 0
    for line in mending.repair(lake, settings):
        shell.out.print(line)
        done += 1
    if not done:
        shell.out.print("nothing to do: every file is what was written")
        return
    lake = Lake(settings.lake_root)
    served = mending.served(lake, settings)
    work.carry_out(settings, served, walk.plan(lake, settings, served))


@shell.app.command()
def vacuum(
    plan_only: Annotated[bool, typer.Option("--plan", help="Say what would be deleted, and do nothing.")] = False,
) -> None:
    """Delete what only old versions of tables hold, where no published snapshot pins them and no run can read them."""
    from mmrec.builds.costs import told_bytes
    from mmrec.upkeep import vacuum as vacuuming

    lake = Lake(load().lake_root)
    wastes = vacuuming.planned(lake)
    size = told_bytes(sum(each.bytes for each in wastes))
    if not wastes:
        shell.out.print("nothing to do: every file is of a version that is needed")
    elif plan_only:
        for each in wastes:
            shell.out.print(f"{each.table}: {len(each.rows)} files of rows, {len(each.log)} parts of the log")
        shell.out.print(f"{size} would be deleted; type `mmrec vacuum`")
    else:
        for line in vacuuming.vacuum(lake, wastes):
            shell.out.print(line)
        shell.out.print(f"{size} are deleted; every published snapshot is as it was")


@shell.app.command()
def migrate(
    plan_only: Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Write a lake of an older version of mmrec anew in today's format; the newest snapshot stays, older ones go."""
    from mmrec.upkeep import migrate as migration
    from mmrec_assets.cli import traced

    todo = migration.planned(load().lake_root)
    if todo is None:
        shell.out.print("nothing to do: the lake has today's format")
        return
    shell.out.print(traced.migration(todo))
    if plan_only:
        return
    for line in migration.migrate(todo):
        shell.out.print(line)
    shell.out.print(f"done; the old lake is {todo.kept_as}. Its logs name people: delete it once you are content.")
    shell.out.print("Now type `mmrec run`.")
