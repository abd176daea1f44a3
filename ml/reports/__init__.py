"""Reports about a model, all from JSON."""
