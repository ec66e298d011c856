"""The asset graph: one module a stage word, each asset a thin function that calls its stage and shows the report.

Every asset is declared from `mmrec/planning/graph.py`, so that there is one list. `definitions.py` is the only
assembler. No arithmetic here, and no reading or writing of tables.
"""
