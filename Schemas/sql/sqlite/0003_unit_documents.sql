-- What units said about themselves, and what is wanted of them.

CREATE TABLE device_documents (
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    -- capabilities and reported: the unit's own words. desired: what is wanted. refusals: what the unit did not take.
    kind TEXT NOT NULL CHECK (kind IN ('capabilities', 'reported', 'desired', 'refusals')),
    -- JSON.
    body TEXT NOT NULL,
    -- That the unit ran when it said so.
    firmware_model TEXT,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, kind)
);

CREATE INDEX device_documents_by_kind ON device_documents (kind, device_id);
