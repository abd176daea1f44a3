"""Critical findings, and who must know of them."""

import diagnosis.critical_states
import diagnosis.models.clock
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0009_notifications'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CriticalFinding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('TENSION_PNEUMOTHORAX', 'Tension pneumothorax'), ('PNEUMOTHORAX', 'Pneumothorax'), ('FREE_AIR', 'Free air'), ('MISPLACED_DEVICE', 'Misplaced device'), ('WIDE_MEDIASTINUM', 'Wide mediastinum'), ('MASSIVE_EFFUSION', 'Massive effusion'), ('FOREIGN_BODY', 'Foreign body'), ('SEVERE_PNEUMONIA', 'Severe pneumonia'), ('OTHER', 'Other')], max_length=24)),
                ('text', models.CharField(blank=True, max_length=500)),
                ('identified_at', models.DateTimeField(default=diagnosis.models.clock.db_now)),
                ('acknowledge_by', models.DateTimeField(help_text='When it escalates unless it is confirmed.')),
                ('outside', models.CharField(blank=True, help_text='Who must be told, if not a user.', max_length=120)),
                ('told_at', models.DateTimeField(blank=True, null=True)),
                ('means', models.CharField(blank=True, choices=[('PHONE', 'Phone'), ('IN_PERSON', 'In person'), ('MESSAGE', 'Message'), ('PAGE', 'Page')], max_length=12)),
                ('received_at', models.DateTimeField(blank=True, null=True)),
                ('received_by', models.CharField(blank=True, help_text='Who read it back.', max_length=120)),
                ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                ('escalated_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_because', models.CharField(blank=True, max_length=500)),
                ('acknowledged_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='critical_acknowledged', to=settings.AUTH_USER_MODEL)),
                ('marked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='critical_marked', to=settings.AUTH_USER_MODEL)),
                ('recipient', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='critical_to_acknowledge', to=settings.AUTH_USER_MODEL)),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='critical_findings', to='diagnosis.study')),
                ('told_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='critical_told', to=settings.AUTH_USER_MODEL)),
                ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='critical_withdrawn', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(condition=models.Q(('acknowledged_at__isnull', True), ('received_at__isnull', True), ('withdrawn_at__isnull', True), ('escalated_at__isnull', True)), fields=['acknowledge_by'], name='critical_due'), models.Index(condition=models.Q(('acknowledged_at__isnull', True), ('received_at__isnull', True), ('withdrawn_at__isnull', True)), fields=['recipient', 'id'], name='critical_to_acknowledge')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('recipient__isnull', True), models.Q(('outside', ''), _negated=True)), models.Q(('outside', ''), ('recipient__isnull', False)), _connector='OR'), name='critical_one_recipient'), models.CheckConstraint(condition=models.Q(models.Q(('kind', diagnosis.critical_states.CriticalKind['OTHER']), _negated=True), models.Q(('text', ''), _negated=True), _connector='OR'), name='critical_other_has_text'), models.CheckConstraint(condition=models.Q(models.Q(models.Q(('told_at__isnull', True), ('told_by__isnull', True)), models.Q(('told_at__isnull', False), ('told_by__isnull', False)), _connector='OR'), models.Q(models.Q(('means', ''), ('told_at__isnull', True)), models.Q(('told_at__isnull', False), models.Q(('means', ''), _negated=True)), _connector='OR')), name='critical_told_is_whole'), models.CheckConstraint(condition=models.Q(models.Q(('received_at__isnull', True), ('received_by', '')), models.Q(('received_at__isnull', False), ('told_at__isnull', False), models.Q(('received_by', ''), _negated=True)), _connector='OR'), name='critical_received_is_whole'), models.CheckConstraint(condition=models.Q(models.Q(('acknowledged_at__isnull', True), ('acknowledged_by__isnull', True)), models.Q(('acknowledged_at__isnull', False), ('acknowledged_by__isnull', False)), _connector='OR'), name='critical_acknowledged_is_whole'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at__isnull', True), ('withdrawn_because', ''), ('withdrawn_by__isnull', True)), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False), models.Q(('withdrawn_because', ''), _negated=True)), _connector='OR'), name='critical_withdrawn_is_whole'), models.CheckConstraint(condition=models.Q(('kind__in', ['TENSION_PNEUMOTHORAX', 'PNEUMOTHORAX', 'FREE_AIR', 'MISPLACED_DEVICE', 'WIDE_MEDIASTINUM', 'MASSIVE_EFFUSION', 'FOREIGN_BODY', 'SEVERE_PNEUMONIA', 'OTHER'])), name='critical_kind_known'), models.CheckConstraint(condition=models.Q(('means__in', ['PHONE', 'IN_PERSON', 'MESSAGE', 'PAGE', ''])), name='critical_means_known')],
            },
        ),
    ]
