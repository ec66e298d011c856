"""When the graph runs and what it emits: partitions, jobs, events, schedules, sensors. Not here: any stage's work."""
