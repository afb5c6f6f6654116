-- Who did what: one entry after the other, each with a hash over itself and the one before. Times are milliseconds
-- since 1970.
CREATE TABLE audit_log (
    -- Without a gap, from 1.
    entry_id INTEGER NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    -- '': nobody who is known.
    user_name TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    result TEXT NOT NULL,
    detail TEXT NOT NULL,
    -- SHA-256 over the entry and the hash of the one before (Sources/Store/AuditChain.swift).
    hash TEXT NOT NULL CHECK (length(hash) = 64)
);

CREATE INDEX audit_log_by_time ON audit_log (at, entry_id);
CREATE INDEX audit_log_by_user ON audit_log (user_name, at, entry_id);
CREATE INDEX audit_log_by_action ON audit_log (action, at, entry_id);
-- Finds the newest of them, once for each entry that goes.
CREATE INDEX audit_log_by_prune ON audit_log (action, entry_id) WHERE action = 'audit.prune';

CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit trail are never changed');
END;

-- Entries go when they are old, after an entry that says so and names the last of them: the newest such entry counts.
CREATE TRIGGER audit_log_goes_in_order BEFORE DELETE ON audit_log
WHEN NOT coalesce(
    (
        SELECT CAST(object AS INTEGER) >= OLD.entry_id AND entry_id > OLD.entry_id FROM audit_log
        WHERE action = 'audit.prune' ORDER BY entry_id DESC LIMIT 1
    ),
    0
)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit trail go only by audit.prune');
END;

CREATE TRIGGER audit_log_has_no_gap BEFORE INSERT ON audit_log
WHEN NEW.entry_id <> (SELECT coalesce(max(entry_id), 0) + 1 FROM audit_log)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit trail are numbered without a gap');
END;
