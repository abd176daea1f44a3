"""The index by which a look is found to be the same look still."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0002_roles_and_triggers")]
    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor_id", "action", "at"], name="audit_actor"),
        ),
    ]
