"""The command: one line and exit code 1 for what a person can put right, nothing that writes, nothing heavy."""

import subprocess
import sys

import pytest

from mmrec.lake.store import Lake

# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["recommend", "--user", "zq-person-nobody"], "this person has no published list as of 2024-01-04"),
        (["why", "--user", "zq-person-nobody"], "this person has no published list as of 2024-01-04"),
        (["why", "--user", "zq-person-01", "--item", "item-404"], "no item is called 'item-404'"),
        (["recommend", "--user", "zq-person-01", "--period", "2023-01-01"], "'2023-01-01' is no configured period"),
        (["similar", "--item", "item-404"], "no item is called 'item-404'"),
        (
            ["similar", "--item", "item-12", "--by", "image"],
            "item 'item-12' has no picture to compare by; it has: text",
        ),
        (["export", "--to", "/proc/nowhere", "--period", "soon"], "'soon' is no configured period"),
        (
            ["plan", "--period", "soon"],
            "'soon' is no configured period; there are 4 days from 2024-01-01 to 2024-01-04",
        ),
        (["impact", "--item", "item-404"], "no item is called 'item-404'"),
        (["impact", "--file", "nix.csv"], "nothing was delivered by a file called 'nix.csv'"),
        (["verify", "--period", "soon"], "'soon' is no configured period"),
        (["rejected", "--period", "soon"], "'soon' is no configured period"),
        (["run", "--period", "soon"], "'soon' is no configured period"),
        (["sql", "SELECT * FROM validated.nothing"], "nothing"),
        (["sql", "SELEC"], "syntax error"),
        (["sql", ""], "nothing was asked"),
        (["sql", "SELECT nothing FROM validated.items"], "nothing"),
        (["sql", "INSERT INTO validated.items SELECT * FROM validated.items"], "Error"),
    ],
)
def test_what_a_person_can_put_right_is_one_line(mmrec, built, arguments, part):
    told = mmrec(built, *arguments).error
    assert part in told
    assert "zq-person" not in told
    as_json = [*arguments, "--json"]
    assert mmrec(built, *as_json).error == told


def test_nothing_published_yet(mmrec, new_shop):
    assert mmrec(new_shop, "recommend", "--user", "zq-person-1").error.startswith(
        "nothing is published yet; type `mmrec run`"
    )
    assert mmrec(new_shop, "rejected", "--json").json["rows"] == 0
    assert mmrec(new_shop, "sql", "SELECT count(*) AS n FROM validated.items", "--json").json == [{"n": 0}]


def test_a_mistake_in_the_settings_is_one_line(mmrec, new_shop):
    path = new_shop.folder / "mmrec.toml"
    path.write_text(path.read_text().replace('name = "tiny"', 'nam = "tiny"'))
    assert mmrec(new_shop, "plan").error.startswith("mmrec.toml: unknown key 'nam'; allowed here: calendar")
    path.unlink()
    assert "no settings file at" in mmrec(new_shop, "plan").error


@pytest.mark.parametrize("arguments", [["recommend"], ["plan", "--nothing"], ["nothing"], ["plan", "--last", "0"]])
def test_a_command_that_cannot_be_understood_is_no_traceback(mmrec, built, arguments):
    answer = mmrec(built, *arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert answer.err.startswith("error: ")


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"]])
def test_help_is_there(mmrec, built, arguments):
    answer = mmrec(built, *arguments)
    assert answer.code == 0


# -- nothing else is touched -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/out.db'",
        "SELECT * FROM read_text('{folder}/mmrec.toml')",
    ],
)
def test_sql_writes_and_reads_no_file(mmrec, built, query):
    before = sorted(path.name for path in built.folder.iterdir())
    assert "Permission" in mmrec(built, "sql", query.format(folder=built.folder)).error
    assert sorted(path.name for path in built.folder.iterdir()) == before


def test_questions_leave_the_lake_as_it_is(mmrec, built, tmp_path):
    lake = Lake(built.settings.lake_root)
    tables = ("validated/items", "recommendations/top_k", "ledger/builds", "ledger/landing", "raw/media")
    before = {table: lake.version(table) for table in tables}
    for arguments in (
        ["plan"],
        ["recommend", "--user", built.people[0]],
        ["why", "--user", built.people[0]],
        ["similar", "--item", "item-02"],
        ["impact", "--item", "item-02"],
        ["export", "--to", str(tmp_path / "model")],
        ["rejected"],
    ):
        assert mmrec(built, *arguments).code == 0
    assert {table: lake.version(table) for table in tables} == before


_COMMANDS = """
import sys
from mmrec_assets.cli import command
for arguments in (["plan"], ["recommend", "--user", sys.argv[1]], ["why", "--user", sys.argv[1]], ["rejected"],
                  ["similar", "--item", "item-02"], ["impact", "--item", "item-02"], ["export", "--to", sys.argv[2]],
                  ["sql", "SELECT 1"]):
    sys.argv = ["mmrec", *arguments, "--json"]
    try:
        command.main()
    except SystemExit as done:
        assert not done.code, arguments
print(sorted({"torch", "transformers", "great_expectations", "dagster", "pandas"} & set(sys.modules)), file=sys.stderr)
"""


def test_questions_import_neither_torch_nor_dagster(built, tmp_path):
    environment = {"MMREC_CONFIG": str(built.folder / "mmrec.toml"), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", _COMMANDS, built.people[0], str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
