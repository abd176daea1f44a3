"""An index for the agreement of readers within a period."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0010_critical_findings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(condition=models.Q(('signed_at__isnull', False)), fields=['kind', 'signed_at'], name='reading_signed'),
        ),
    ]
