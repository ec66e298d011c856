"""What assets talk to, as Dagster resources: the lake and the notifier.

Resources only adapt: the work is in `mmrec`. Nothing here knows an asset or a check.
"""
