"""Damage, played on a small shop: is each told before it is served, and does everything come back?

    python -m bench.damage [how many [seed]]

Each damage changes one file of the lake: a bit, a byte, zeros, a cut end, or the file is gone; or a part of a log. Then
the plan, everybody's list, a `why` and every table are asked for. An answer that is another one than before, without a
word, is silent; an error that is not one clear line is a traceback. Then the lake is repaired, run, and every table
held against what it was. Prints a line a damage that failed, and the counts as JSON; ends with 1 where one failed. The
shop is that of the tests.
"""

import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import polars as pl

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.seals import LOG
from mmrec.lake.store import Lake
from mmrec.planning import walk
from mmrec.quality import suites
from mmrec.queries.recommend import recommend
from mmrec.queries.why import why
from mmrec.upkeep import damage, repair
from tests.helpers.quick_judge import judge_quickly
from tests.helpers.shop import Shop, write_shop

OF_A_RUN = ["run_id", "at", "seconds", "fixed_seconds", "version", "ctime_ns", "computed", "reused", "removed"]
LEDGERS = "ledger/"  # they tell what happened, and more happens when something is mended
Answer = tuple[str, object]


def main(arguments: list[str]) -> int:
    """Plays so many damages, drawn with a seed."""
    count, seed = (int(each) for each in (*arguments, "100", "1")[:2]) if len(arguments) < 2 else map(int, arguments)
    draw, outcomes, failed = random.Random(seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(suites, "judge", judge_quickly):
        first = Shop(write_shop(Path(folder) / "shop"))
        first.run()
        first.run()  # the second one finds every file as it was
        answers, rows = _answers(first), _rows(first)
        for number in range(count):
            shop = Shop(shutil.copytree(first.folder, Path(folder) / str(number) / "shop"))
            told = hurt(Path(shop.settings.lake_root), draw)
            found = judge(shop, answers, rows)
            outcomes.update(found)
            if set(found) & {"silent", "traceback", "unseen by the quick check", "not mended"}:
                failed += 1
                print(f"{told}: {', '.join(found)}", flush=True)
            shutil.rmtree(Path(folder) / str(number))
    print(json.dumps({"damages": count, "failed": failed, **outcomes}))
    return 1 if failed else 0


def hurt(root: Path, draw: random.Random) -> str:
    """One damage to one file below a lake's root, in words."""
    names = sorted(t.name for t in tables.ALL if (root / t.name / LOG).exists())
    table = draw.choice(names)
    own, place = root / table, draw.random()
    logs = sorted([*(own / LOG).glob("*.json"), *(own / LOG).glob("*.checkpoint.parquet")])
    rows = sorted(own / file for file in Lake(str(root)).files(table))
    marks = sorted(each for each in (own / "_seals").rglob("*") if each.is_file())
    files = marks if place < 0.05 else logs if place < 0.25 or not rows else rows
    file, (kind, change) = draw.choice(files), draw.choice(sorted(KINDS.items()))
    change(file, draw)
    return f"{kind} in {file.relative_to(root)}"


def _bit(file: Path, draw: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(data)


def _byte(file: Path, draw: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[draw.randrange(len(data))] ^= draw.randrange(1, 256)
    file.write_bytes(data)


def _zeros(file: Path, draw: random.Random) -> None:
    data = bytearray(file.read_bytes())
    at = draw.randrange(len(data))
    if not any(data[at : at + 64]):
        at = 0
    data[at : at + 64] = bytes(len(data[at : at + 64]))
    file.write_bytes(data)


def _cut(file: Path, draw: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: draw.randrange(len(data))])


def _gone(file: Path, draw: random.Random) -> None:
    file.unlink()


KINDS: dict[str, Callable[[Path, random.Random], None]] = {
    "a flipped bit": _bit,
    "a changed byte": _byte,
    "zeros": _zeros,
    "a cut end": _cut,
    "a lost file": _gone,
}


def judge(shop: Shop, answers: dict[str, object], rows: dict[str, pl.DataFrame]) -> list[str]:
    """What became of a damage: how it was told, and whether it was mended."""
    found = {_heard(shop, name, ask, answers[name]) for name, ask in _asked(shop).items()}
    if not list(damage.found(Lake(shop.settings.lake_root), shop.settings)):
        found.add("unseen by the quick check")
    try:
        for _ in repair.repair(Lake(shop.settings.lake_root), shop.settings):
            pass
        again = Shop(shop.folder)
        again.run(strict=False)
        now = _rows(again)
        left = [name for name, was in rows.items() if not was.equals(now[name])]
        found.add("mended" if not left else "not mended")
        if left:
            print("   differs:", ", ".join(left))
    except Exception as error:
        print("   repair:", repr(error)[:300])
        found.add("not mended")
    return sorted(found)


def _heard(shop: Shop, name: str, ask: Callable[[], object], was: object) -> str:
    try:
        now = ask()
    except MmrecError:
        return "told"
    except BaseException as error:  # a library's panic is no Exception
        return "told" if damage.explained(Lake(shop.settings.lake_root), error) else "traceback"
    return "not touched" if now == was else "told by the plan" if name == "plan" else "silent"


def _answers(shop: Shop) -> dict[str, object]:
    return {name: ask() for name, ask in _asked(shop).items()}


def _asked(shop: Shop) -> dict[str, Callable[[], object]]:
    """Everything that is asked of a lake, by a fresh reader each."""
    settings, root = shop.settings, shop.settings.lake_root
    people = sorted({line.split(",")[0] for line in shop.lines(shop.days[0])})
    asked: dict[str, Callable[[], object]] = {
        "plan": lambda: [vars(row) for row in walk.plan(Lake(root), settings, shop.days).rows],
        "lists": lambda: [recommend(Lake(root), settings, person) for person in people],
        "why": lambda: why(Lake(root), settings, people[0]),
    }
    for table in tables.ALL:
        asked[table.name] = lambda name=table.name: _told(Lake(root), name)  # type: ignore[misc]
    return asked


def _told(lake: Lake, table: str) -> object:
    rows = lake.sql(f"SELECT * FROM {tables.view(table)}")
    return rows.sort([n for n, dtype in rows.schema.items() if not dtype.is_nested()], nulls_last=True).rows()


def _rows(shop: Shop) -> dict[str, pl.DataFrame]:
    """Every table but the ledgers, without what names a run."""
    lake, found = Lake(shop.settings.lake_root), {}
    for table in tables.ALL:
        if not table.name.startswith(LEDGERS):
            rows = lake.scan(table.name).drop(OF_A_RUN, strict=False).collect()
            found[table.name] = rows.sort([n for n, t in rows.schema.items() if not t.is_nested()], nulls_last=True)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
