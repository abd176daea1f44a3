"""The role groups, and the triggers that keep facts append-only."""

from django.db import migrations

from diagnosis import triggers

ROLES = ["Submitter", "Radiologist", "Administrator", "Auditor"]


def create_roles(apps, editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("diagnosis", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        migrations.RunPython(create_roles, migrations.RunPython.noop),
        migrations.RunPython(triggers.migrate_frozen, triggers.migrate_backwards),
    ]
