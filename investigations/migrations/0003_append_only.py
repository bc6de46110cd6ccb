"""Verdicts, standings and notes can be added, never changed."""

from django.db import migrations

TABLES = ("investigations_verdict", "investigations_verdictstanding", "investigations_casenote")
DO = "\n".join(
    f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION core_append_only();"
    for t in TABLES
)
UNDO = "\n".join(f"DROP TRIGGER append_only ON {t};" for t in TABLES)


class Migration(migrations.Migration):
    dependencies = [("investigations", "0002_relations"), ("core", "0002_audit_chain")]
    operations = [migrations.RunSQL(DO, UNDO)]
