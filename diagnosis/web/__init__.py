"""HTML pages: forms, short views, URLs."""
