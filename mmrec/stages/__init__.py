"""The work of each stage: one module a stage word, functions (lake, settings, periods) → StageReport.

Assets, commands, tests and benches all call these. A stage never imports a later stage.
"""
