"""The audit trail's trigger (number, time, hash chain) and the functions that refuse changes."""

from django.db import migrations

CHAIN = """
CREATE FUNCTION core_audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('core_audit_chain'));
    SELECT seq, hash INTO last FROM core_auditentry ORDER BY seq DESC LIMIT 1;
    NEW.seq := coalesce(last.seq, 0) + 1;
    NEW.at := clock_timestamp();
    NEW.previous_hash := coalesce(last.hash, decode(repeat('00', 32), 'hex'));
    -- the same text as core.audit._PAYLOAD
    NEW.hash := sha256(NEW.previous_hash || convert_to(jsonb_build_array(
        NEW.seq, (extract(epoch FROM NEW.at) * 1000000)::bigint, NEW.actor, NEW.actor_label, NEW.action, NEW.target,
        NEW.dataset, NEW.details, NEW.request_id, NEW.address)::text, 'UTF8'));
    RETURN NEW;
END $$;
CREATE TRIGGER audit_chain BEFORE INSERT ON core_auditentry FOR EACH ROW EXECUTE FUNCTION core_audit_chain();

CREATE FUNCTION core_audit_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON core_auditentry
    FOR EACH ROW EXECUTE FUNCTION core_audit_deny();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON core_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION core_audit_deny();

-- For other append-only tables: only deleting a whole dataset (as the owner, core.datasets) may remove rows.
CREATE FUNCTION core_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('hydrascope.purge', true) = 'on'
        AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
"""
UNDO = """
DROP TRIGGER audit_no_truncate ON core_auditentry;
DROP TRIGGER audit_no_change ON core_auditentry;
DROP TRIGGER audit_chain ON core_auditentry;
DROP FUNCTION core_append_only();
DROP FUNCTION core_audit_deny();
DROP FUNCTION core_audit_chain();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunSQL(CHAIN, UNDO)]
