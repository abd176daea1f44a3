"""`python -m pneumo_site.demo`: `manage.py demo` with its own keys already in the environment."""

import os
import sys

from django.core.management import execute_from_command_line

from pneumo_site.demo import keys

keys.prepare()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pneumo_site.settings")
execute_from_command_line(["manage.py", "demo", *sys.argv[1:]])
