-- Uploads of units, alarms, the event log and the webhooks that hear it.
--
-- Times are milliseconds since 1970 (UTC). Hashes are lower-case hexadecimal.

CREATE TABLE uploads (
    upload_id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    purpose TEXT NOT NULL CHECK (purpose IN ('snapshot', 'alarm', 'log')),
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    -- Null: of the whole unit.
    channel INTEGER,
    -- The alarm or the log task that it belongs to.
    reference TEXT,
    created_at BIGINT NOT NULL,
    -- End of the address, or of what came through it.
    expires_at BIGINT NOT NULL,
    -- Null until something came; then the address works no more.
    blob TEXT UNIQUE,
    content_type TEXT,
    size BIGINT,
    sha256 TEXT,
    stored_at BIGINT,
    CHECK ((blob IS NULL) = (stored_at IS NULL))
);

CREATE INDEX uploads_by_device ON uploads (device_id, expires_at);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);
CREATE INDEX uploads_by_reference ON uploads (reference);

CREATE TABLE alarms (
    alarm_id TEXT NOT NULL PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    channel INTEGER NOT NULL,
    type INTEGER NOT NULL CHECK (type BETWEEN 2 AND 12),
    description TEXT NOT NULL,
    -- By the unit's clock.
    started_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    -- Null while it lasts.
    ended_at BIGINT,
    start_inferred INTEGER NOT NULL CHECK (start_inferred IN (0, 1)),
    end_inferred INTEGER NOT NULL CHECK (end_inferred IN (0, 1))
);

CREATE INDEX alarms_by_source ON alarms (device_id, channel, type, started_at);
CREATE INDEX alarms_by_device ON alarms (device_id, received_at, alarm_id);
CREATE INDEX alarms_by_time ON alarms (received_at, alarm_id);
CREATE INDEX alarms_active ON alarms (device_id, channel, type) WHERE ended_at IS NULL;

CREATE TABLE events (
    -- Never used again, so that a reader who resumes misses nothing.
    event_id INTEGER PRIMARY KEY AUTOINCREMENT,
    time BIGINT NOT NULL,
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    channel INTEGER,
    kind TEXT NOT NULL,
    -- A JSON object.
    detail TEXT NOT NULL
);

CREATE INDEX events_by_device ON events (device_id, event_id);

CREATE TABLE webhooks (
    webhook_id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    url TEXT NOT NULL,
    -- Kinds of events, separated by commas; empty: all.
    kinds TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Every event up to this one has been delivered, of every unit.
    delivered_through BIGINT NOT NULL,
    -- Null while it works; else why nothing is sent to it.
    parked_reason TEXT,
    parked_at BIGINT
);

CREATE INDEX webhooks_by_owner ON webhooks (owner, webhook_id);

-- The last event of a unit that was delivered, where that is later than delivered_through.
CREATE TABLE webhook_cursors (
    webhook_id TEXT NOT NULL REFERENCES webhooks (webhook_id) ON DELETE CASCADE,
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    event_id BIGINT NOT NULL,
    PRIMARY KEY (webhook_id, device_id)
);
