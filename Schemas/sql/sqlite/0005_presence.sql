-- What was last told of units: their presence, running pictures, batteries, and heads that may be turning.
--
-- Times are milliseconds since 1970 (UTC).

-- The state that the event log last told of a unit. No row: nothing was ever told, it counts as offline.
CREATE TABLE device_presence (
    device_id TEXT NOT NULL PRIMARY KEY REFERENCES devices (device_id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('online', 'offline', 'asleep', 'upgrading', 'error')),
    -- Channels that are not online, with their state (Table I.2-1): "0:3,2:4".
    channels TEXT NOT NULL,
    since BIGINT NOT NULL
);

-- Pictures whose start was told and whose end was not.
CREATE TABLE live_streams (
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    channel INTEGER NOT NULL,
    stream_id TEXT NOT NULL,
    PRIMARY KEY (device_id, channel)
);

-- What a unit last said of its battery (Table I.2-27). The history is in the event log.
CREATE TABLE device_batteries (
    device_id TEXT NOT NULL PRIMARY KEY REFERENCES devices (device_id) ON DELETE CASCADE,
    percent INTEGER NOT NULL CHECK (percent BETWEEN 0 AND 100),
    reported_at BIGINT NOT NULL
);

CREATE INDEX events_of_batteries ON events (device_id, event_id) WHERE kind = 'battery';

-- A move was ordered and its stop is not known to have arrived.
CREATE TABLE device_moves (
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    channel INTEGER NOT NULL,
    begun_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, channel)
);

-- Units of which a webhook does not take an event: they are set aside, and those of others go on.
CREATE TABLE webhook_laggards (
    webhook_id TEXT NOT NULL REFERENCES webhooks (webhook_id) ON DELETE CASCADE,
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    -- The first that is not delivered.
    event_id BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    -- Null: given up until somebody resumes the webhook.
    retry_at BIGINT,
    PRIMARY KEY (webhook_id, device_id)
);
