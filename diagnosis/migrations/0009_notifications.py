"""What users are told, and whether by e-mail, too."""

import diagnosis.models.clock
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0008_added_films'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='NoticeChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('by_email', models.BooleanField(default=False)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='notice_choice', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('REPORT_SIGNED', 'Report signed'), ('REPORT_AMENDED', 'Report amended'), ('FILM_NOT_ASSESSABLE', 'Film not assessable'), ('FILM_ADDED', 'Film added'), ('CASE_TAKEN_OVER', 'Case taken over'), ('READ_WAITS', 'Read waits'), ('CRITICAL_TO_ACKNOWLEDGE', 'Critical to acknowledge'), ('CRITICAL_ACKNOWLEDGED', 'Critical acknowledged'), ('CRITICAL_ESCALATED', 'Critical escalated'), ('CRITICAL_WITHDRAWN', 'Critical withdrawn')], max_length=24)),
                ('created_at', models.DateTimeField(default=diagnosis.models.clock.db_now)),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('wants_email', models.BooleanField(default=False)),
                ('mail_claimed_at', models.DateTimeField(blank=True, null=True)),
                ('emailed_at', models.DateTimeField(blank=True, null=True)),
                ('study', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to='diagnosis.study')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['user', 'seen_at'], name='notification_unseen'), models.Index(fields=['user', '-id'], name='notification_newest'), models.Index(condition=models.Q(('emailed_at__isnull', True), ('seen_at__isnull', True), ('wants_email', True)), fields=['id'], name='notification_outbox'), models.Index(condition=models.Q(('seen_at__isnull', False)), fields=['seen_at'], name='notification_old')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('seen_at__isnull', True), ('study__isnull', True)), fields=('user', 'kind'), name='notification_one_summary'), models.CheckConstraint(condition=models.Q(('kind__in', ['REPORT_SIGNED', 'REPORT_AMENDED', 'FILM_NOT_ASSESSABLE', 'FILM_ADDED', 'CASE_TAKEN_OVER', 'READ_WAITS', 'CRITICAL_TO_ACKNOWLEDGE', 'CRITICAL_ACKNOWLEDGED', 'CRITICAL_ESCALATED', 'CRITICAL_WITHDRAWN'])), name='notification_kind_known')],
            },
        ),
    ]
