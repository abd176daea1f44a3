"""Filters that users keep; the keys and indexes by which the worklist is searched and filtered."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from diagnosis.models.keys import KeyField, family_key, search_key


def write_keys(apps, editor):
    patients = apps.get_model("diagnosis", "Patient").objects.order_by()
    for batch in _batches(patients.only("name", "mrn")):
        for patient in batch:
            patient.name_key, patient.family_key = search_key(patient.name), family_key(patient.name)
            patient.mrn_key = search_key(patient.mrn)
        patients.bulk_update(batch, ["name_key", "family_key", "mrn_key"])
    studies = apps.get_model("diagnosis", "Study").objects.order_by()
    for batch in _batches(studies.exclude(accession_number="").only("accession_number")):
        for study in batch:
            study.accession_key = search_key(study.accession_number)
        studies.bulk_update(batch, ["accession_key"])


def _batches(rows):
    after = 0
    while batch := list(rows.filter(pk__gt=after).order_by("pk")[:2000]):
        yield batch
        after = batch[-1].pk


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0012_report_phrases'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SavedFilter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('query', models.CharField(max_length=500)),
                ('is_default', models.BooleanField(default=False, help_text='The worklist opens with it.')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.AddField(
            model_name='patient',
            name='family_key',
            field=KeyField("name", family_key),
        ),
        migrations.AddField(
            model_name='patient',
            name='mrn_key',
            field=KeyField("mrn", search_key),
        ),
        migrations.AddField(
            model_name='patient',
            name='name_key',
            field=KeyField("name", search_key),
        ),
        migrations.AddField(
            model_name='study',
            name='accession_key',
            field=KeyField("accession_number", search_key),
        ),
        migrations.RunPython(write_keys, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='patient',
            index=models.Index(fields=['site', 'name_key'], name='patient_name', opclasses=['int8_ops', 'varchar_pattern_ops']),
        ),
        migrations.AddIndex(
            model_name='patient',
            index=models.Index(fields=['site', 'family_key'], name='patient_family', opclasses=['int8_ops', 'varchar_pattern_ops']),
        ),
        migrations.AddIndex(
            model_name='patient',
            index=models.Index(fields=['site', 'mrn_key'], name='patient_mrn', opclasses=['int8_ops', 'varchar_pattern_ops']),
        ),
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(condition=models.Q(('signed_at__isnull', True)), fields=['reader'], name='reading_drafts'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(condition=models.Q(('to_read', True)), fields=['site', 'state', 'worklist_rank', 'id'], name='study_in_state_of_site'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(condition=models.Q(('to_read', True)), fields=['state', 'worklist_rank', 'id', 'site'], name='study_in_state'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['site', 'submitted_at'], name='study_submitted'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['submitted_by', 'submitted_at'], name='study_submitter'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['site', 'accession_key'], name='study_accession', opclasses=['int8_ops', 'varchar_pattern_ops']),
        ),
        migrations.AddField(
            model_name='savedfilter',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_filters', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='savedfilter',
            constraint=models.UniqueConstraint(fields=('user', 'name'), name='saved_filter_name_once'),
        ),
        migrations.AddConstraint(
            model_name='savedfilter',
            constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('user',), name='saved_filter_one_default'),
        ),
        migrations.AddConstraint(
            model_name='savedfilter',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='saved_filter_has_name'),
        ),
    ]
