"""The model side of Pneumo: plain Python, no Django, no Celery, no environment, no clock."""
