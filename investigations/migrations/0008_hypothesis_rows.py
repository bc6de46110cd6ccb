from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("investigations", "0007_marked_hubs"),
    ]

    operations = [
        migrations.AddField(
            model_name="clusterversion",
            name="hypothesis_rows",
            field=models.JSONField(default=list),
        ),
    ]
