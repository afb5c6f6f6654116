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

-- Logs that units were asked for (LogUploadAsync, Table I.2-29).
CREATE TABLE log_tasks (
    -- The trans_id of the message.
    task_id TEXT NOT NULL PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    -- By the unit's clock, YYYY-MM-DDThh:mm:ss.
    wanted_start TEXT NOT NULL,
    wanted_end TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'done', 'failed')),
    -- What the log really covers, as the unit said.
    covers_start TEXT,
    covers_end TEXT,
    ended_at BIGINT
);

CREATE INDEX log_tasks_by_device ON log_tasks (device_id, created_at, task_id);
