"""model: item factors fitted at a refit boundary, factors of people as of a period, and how good the model is."""
