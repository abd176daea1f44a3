"""`manage.py demo`: everything on one machine, with sample films."""
