"""Texts that readers put into their reports by a short key."""

import diagnosis.models.clock
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0011_readings_by_time'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReportPhrase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=32, validators=[django.core.validators.RegexValidator('^[a-z0-9-]+\\Z', 'Use small letters, digits and hyphens.')])),
                ('section', models.CharField(blank=True, help_text='Blank: wherever it is typed.', max_length=24)),
                ('text', models.TextField(max_length=2000)),
                ('changed_at', models.DateTimeField(default=diagnosis.models.clock.db_now)),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='report_phrases', to=settings.AUTH_USER_MODEL)),
                ('site', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='report_phrases', to='diagnosis.site')),
            ],
            options={
                'ordering': ['key', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('owner__isnull', True), ('site__isnull', False)), models.Q(('owner__isnull', False), ('site__isnull', True)), _connector='OR'), name='phrase_of_reader_or_site'), models.CheckConstraint(condition=models.Q(('section__in', ['', 'indication', 'comparison', 'technique', 'RIGHT_LUNG', 'LEFT_LUNG', 'PLEURA', 'HEART_AND_MEDIASTINUM', 'HILA', 'BONES_AND_SOFT_TISSUE', 'DEVICES_AND_LINES', 'findings', 'impression'])), name='phrase_section_known'), models.CheckConstraint(condition=models.Q(models.Q(('key', ''), _negated=True), models.Q(('text', ''), _negated=True)), name='phrase_has_key_and_text'), models.UniqueConstraint(condition=models.Q(('owner__isnull', False)), fields=('owner', 'key', 'section'), name='phrase_once_per_reader'), models.UniqueConstraint(condition=models.Q(('site__isnull', False)), fields=('site', 'key', 'section'), name='phrase_once_per_site')],
            },
        ),
    ]
