from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("investigations", "0006_links_without_constraints"),
    ]

    operations = [
        migrations.AddField(
            model_name="hubvalue",
            name="is_marked",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="hubvalue",
            name="independence",
            field=models.FloatField(null=True),
        ),
    ]
