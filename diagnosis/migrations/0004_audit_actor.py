"""The index by which a look is found to be the same look still."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0003_open_studies_by_due_time")]
    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor_id", "action", "at"], name="audit_actor"),
        ),
    ]
