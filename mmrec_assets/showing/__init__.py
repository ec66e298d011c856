"""How tables and reports look in the Dagster UI: metadata, pictures, column lineage. No event is emitted here."""
