"""The asset graph in Dagster, and the `mmrec` command.

Every asset is declared in `mmrec/builds/assets.py`, so that there is one list. `definitions.py` is the only assembler.
No arithmetic here, and no reading or writing of tables.
"""
