"""What keeps a page, a count and a sweep from growing with the studies."""

from django.db import migrations, models

TO_READ = ["AWAITING_ARBITRATION", "AWAITING_READ", "AWAITING_SECOND_READ", "PROCESSING"]


def mark_studies_that_await_a_model(apps, editor):
    studies = apps.get_model("diagnosis", "Study").objects
    bare = apps.get_model("diagnosis", "Image").objects.filter(jobs__isnull=True)
    studies.filter(pk__in=bare.values("study")).update(awaits_model=True)


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0005_ended_jobs_by_time")]
    operations = [
        migrations.RemoveIndex(model_name="study", name="study_worklist"),
        migrations.RemoveIndex(model_name="study", name="study_rank"),
        migrations.RemoveIndex(model_name="study", name="study_due"),
        migrations.RemoveIndex(model_name="job", name="job_queue"),
        migrations.AddField(
            model_name="study",
            name="to_read",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Q(state__in=TO_READ),
                output_field=models.BooleanField(),
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="awaits_model",
            field=models.BooleanField(
                default=False,
                help_text="A film was accepted while no model version was active.",
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                fields=["site", "worklist_rank", "id"],
                name="study_to_read_of_site",
                condition=models.Q(to_read=True),
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                fields=["site", "worklist_rank", "id", "to_read"], name="study_of_site"
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                fields=["worklist_rank", "id", "site"],
                name="study_to_read",
                condition=models.Q(to_read=True),
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(fields=["worklist_rank", "id", "site", "to_read"], name="study_rank"),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                fields=["id"],
                name="study_awaits_model",
                condition=models.Q(to_read=True, awaits_model=True),
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                fields=["due_at"],
                name="study_due",
                condition=models.Q(to_read=True, is_overdue=False),
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                fields=["model_version", "priority_order", "created_at", "id"],
                name="job_queue",
                condition=models.Q(status="QUEUED"),
            ),
        ),
        migrations.RunPython(mark_studies_that_await_a_model, migrations.RunPython.noop),
    ]
