"""The worker: claims films, runs them through the warm model, records what came out. Thin."""
