"""First opinions, structured reports, and each site's policies of reading."""

import diagnosis.models.clock
import diagnosis.states
from django.conf import settings
from django.db import migrations, models

from diagnosis import triggers


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0006_flat_lists'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # SQLite rebuilds a changed table, and its triggers go with the old one.
        migrations.RunPython(triggers.migrate_backwards, triggers.migrate_frozen),
        migrations.RemoveConstraint(
            model_name='reading',
            name='reading_signed_has_impression',
        ),
        migrations.RemoveConstraint(
            model_name='reading',
            name='reading_opinion_known',
        ),
        migrations.AddField(
            model_name='reading',
            name='comparison',
            field=models.TextField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='reading',
            name='first_confidence',
            field=models.PositiveSmallIntegerField(blank=True, help_text='How sure, 0 to 100 %.', null=True),
        ),
        migrations.AddField(
            model_name='reading',
            name='first_opinion',
            field=models.CharField(blank=True, choices=[('PNEUMONIA', 'Pneumonia'), ('NO_PNEUMONIA', 'No pneumonia'), ('INDETERMINATE', 'Indeterminate')], max_length=16),
        ),
        migrations.AddField(
            model_name='reading',
            name='first_regions',
            field=models.JSONField(blank=True, default=list, help_text='Marked boxes: film (uid), x, y, width, height as shares of the film.'),
        ),
        migrations.AddField(
            model_name='reading',
            name='indication',
            field=models.TextField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='reading',
            name='model_shown',
            field=models.JSONField(blank=True, default=list, help_text='The results that the signer could see, film by film.'),
        ),
        migrations.AddField(
            model_name='reading',
            name='opined_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='reading',
            name='regions',
            field=models.JSONField(blank=True, default=dict, help_text='Findings by region: its name, and what is seen there.'),
        ),
        migrations.AddField(
            model_name='reading',
            name='revision',
            field=models.PositiveIntegerField(default=0, help_text='How often the draft was saved.'),
        ),
        migrations.AddField(
            model_name='reading',
            name='saved_at',
            field=models.DateTimeField(default=diagnosis.models.clock.db_now, help_text='When the draft was last saved.'),
        ),
        migrations.AddField(
            model_name='reading',
            name='technique',
            field=models.TextField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='site',
            name='acknowledge_minutes',
            field=models.PositiveSmallIntegerField(default=60, verbose_name='minutes until an unacknowledged critical finding escalates'),
        ),
        migrations.AddField(
            model_name='site',
            name='reveal_percent',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='share of studies, when sampled, in %'),
        ),
        migrations.AddField(
            model_name='site',
            name='reveal_policy',
            field=models.CharField(choices=[('OFF', 'Off'), ('SAMPLED', 'Sampled'), ('ALWAYS', 'Always')], default=diagnosis.states.RevealPolicy['OFF'], max_length=8, verbose_name='hide the model until the first opinion'),
        ),
        migrations.AddField(
            model_name='site',
            name='second_read_percent',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='share of second reads, when sampled, in %'),
        ),
        migrations.AddField(
            model_name='site',
            name='second_read_policy',
            field=models.CharField(choices=[('NONE', 'None'), ('SAMPLED', 'Sampled'), ('DISAGREEMENT', 'Disagreement'), ('ALL', 'All')], default=diagnosis.states.SecondReadPolicy['NONE'], max_length=12, verbose_name='second read'),
        ),
        migrations.AddField(
            model_name='site',
            name='signs_with_password',
            field=models.BooleanField(default=False, verbose_name='ask for the password at each signature'),
        ),
        migrations.AddField(
            model_name='study',
            name='is_blinded',
            field=models.BooleanField(default=False, help_text='The model is hidden from a reader without an opinion. Drawn once.'),
        ),
        migrations.AddField(
            model_name='study',
            name='second_read_reason',
            field=models.CharField(choices=[('NONE', 'None'), ('SAMPLED', 'Sampled'), ('DISAGREEMENT', 'Disagreement'), ('ALL', 'All')], default=diagnosis.states.SecondReadPolicy['NONE'], max_length=12),
        ),
        migrations.AlterField(
            model_name='reading',
            name='opinion',
            field=models.CharField(blank=True, choices=[('PNEUMONIA', 'Pneumonia'), ('NO_PNEUMONIA', 'No pneumonia'), ('INDETERMINATE', 'Indeterminate')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='reading',
            constraint=models.CheckConstraint(condition=models.Q(('signed_at__isnull', True), models.Q(models.Q(('impression', ''), _negated=True), models.Q(('opinion', ''), _negated=True)), _connector='OR'), name='reading_signed_has_opinion_and_impression'),
        ),
        migrations.AddConstraint(
            model_name='reading',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('first_opinion', ''), ('opined_at__isnull', True)), models.Q(('opined_at__isnull', False), models.Q(('first_opinion', ''), _negated=True)), _connector='OR'), name='reading_first_opinion_has_its_time'),
        ),
        migrations.AddConstraint(
            model_name='reading',
            constraint=models.CheckConstraint(condition=models.Q(('first_confidence__isnull', True), ('first_confidence__lte', 100), _connector='OR'), name='reading_confidence_up_to_100'),
        ),
        migrations.AddConstraint(
            model_name='reading',
            constraint=models.CheckConstraint(condition=models.Q(('opinion__in', ['PNEUMONIA', 'NO_PNEUMONIA', 'INDETERMINATE', ''])), name='reading_opinion_known'),
        ),
        migrations.AddConstraint(
            model_name='reading',
            constraint=models.CheckConstraint(condition=models.Q(('first_opinion__in', ['PNEUMONIA', 'NO_PNEUMONIA', 'INDETERMINATE', ''])), name='reading_first_opinion_known'),
        ),
        migrations.AddConstraint(
            model_name='site',
            constraint=models.CheckConstraint(condition=models.Q(('reveal_policy__in', ['OFF', 'SAMPLED', 'ALWAYS'])), name='site_reveal_policy_known'),
        ),
        migrations.AddConstraint(
            model_name='site',
            constraint=models.CheckConstraint(condition=models.Q(('second_read_policy__in', ['NONE', 'SAMPLED', 'DISAGREEMENT', 'ALL'])), name='site_second_read_policy_known'),
        ),
        migrations.AddConstraint(
            model_name='site',
            constraint=models.CheckConstraint(condition=models.Q(('reveal_percent__lte', 100), ('second_read_percent__lte', 100)), name='site_shares_up_to_100'),
        ),
        migrations.AddConstraint(
            model_name='study',
            constraint=models.CheckConstraint(condition=models.Q(('second_read_reason__in', ['NONE', 'SAMPLED', 'DISAGREEMENT', 'ALL'])), name='study_second_read_reason_known'),
        ),
        migrations.RunPython(triggers.migrate_forwards, triggers.migrate_backwards),
    ]
