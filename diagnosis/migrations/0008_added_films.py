"""Films that are sent into a study later, and an index for the studies of a submitter."""

import diagnosis.models.clock
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0007_reading_room'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='FilmAddition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('report', models.JSONField(default=list, help_text='A code per film, in the order sent.')),
                ('idempotency_key', models.CharField(blank=True, max_length=100)),
                ('request_digest', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(default=diagnosis.models.clock.db_now)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['submitted_by', 'id', 'site'], name='study_of_submitter'),
        ),
        migrations.AddField(
            model_name='filmaddition',
            name='added_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='film_additions', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='filmaddition',
            name='study',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='additions', to='diagnosis.study'),
        ),
        migrations.AddConstraint(
            model_name='filmaddition',
            constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key', ''), _negated=True), fields=('added_by', 'idempotency_key'), name='addition_idempotency_key_once_per_user'),
        ),
    ]
