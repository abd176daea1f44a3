#!/usr/bin/env python
"""Django's command line, with Pneumo's settings."""

import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["demo"]:
        # Before the settings are read: the demo makes and keeps its own secrets.
        from pneumo_site.demo import keys

        keys.prepare()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pneumo_site.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
