from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("investigations", "0008_hypothesis_rows"),
    ]

    operations = [
        migrations.AddField(
            model_name="clusterversion",
            name="behaviour_rows",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="clusterversion",
            name="worth_reasons",
            field=models.JSONField(default=list),
        ),
    ]
