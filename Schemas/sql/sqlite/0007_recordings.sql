-- Recordings: whose they are, their sessions and segments, what is kept of them and for how long.
--
-- Times are milliseconds since 1970 (UTC). '' is nobody: a device that had no owner. Names of devices and users stay
-- when these are gone: retention drops rows together with their bytes. Millions of segments are compact by keys that
-- are numbers; what is asked of all of them is kept as sums, in the transaction that changes it.

-- Whose recordings of which channel, and their sums: of saved segments only.
CREATE TABLE recorded_channels (
    recorded_key INTEGER NOT NULL PRIMARY KEY,
    device_id TEXT NOT NULL,
    channel INTEGER NOT NULL,
    -- Of the device when a session of these began.
    owner TEXT NOT NULL,
    segments BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    recorded_ms BIGINT NOT NULL DEFAULT 0,
    -- Start of the oldest and end of the newest; null: there are none.
    oldest BIGINT,
    newest BIGINT,
    -- No segment since there were none lasts longer: how far back a listing has to look.
    longest_ms BIGINT NOT NULL DEFAULT 0,
    UNIQUE (device_id, channel, owner)
);

CREATE INDEX recorded_channels_by_owner ON recorded_channels (owner, device_id, channel);

CREATE TABLE record_sessions (
    session_key INTEGER NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE,
    recorded_key INTEGER NOT NULL REFERENCES recorded_channels (recorded_key),
    -- What its Vr address names.
    channel_id TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    -- Null: it runs.
    ended_at BIGINT,
    -- What its unit could not upload (Table I.3-5).
    dropped_count BIGINT NOT NULL DEFAULT 0,
    dropped_ms BIGINT NOT NULL DEFAULT 0,
    -- Its rows below, in any state.
    segments BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX record_sessions_by_channel ON record_sessions (recorded_key, begun_at);
CREATE INDEX record_sessions_running ON record_sessions (session_id) WHERE ended_at IS NULL;
CREATE INDEX record_sessions_running_by_channel ON record_sessions (recorded_key) WHERE ended_at IS NULL;
CREATE INDEX record_sessions_empty ON record_sessions (ended_at) WHERE ended_at IS NOT NULL AND segments = 0;

-- The order of the key is that of a timeline, so that a day lies on neighbouring pages.
CREATE TABLE segments (
    recorded_key INTEGER NOT NULL REFERENCES recorded_channels (recorded_key),
    start BIGINT NOT NULL,
    -- No reference: to check one when a session goes would walk all segments; record_sessions.segments is checked.
    session_key INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL CHECK (duration_ms > 0),
    size BIGINT NOT NULL CHECK (size >= 0),
    -- Null: the unit did not say.
    discontinue INTEGER CHECK (discontinue IN (0, 1)),
    -- 32 hexadecimal digits as 16 octets, any other name as text.
    blob NOT NULL,
    -- 0: created, 1: saved, 2: dropping.
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
    -- 32 octets; null: not known.
    sha256,
    PRIMARY KEY (recorded_key, start, session_key)
) WITHOUT ROWID;

CREATE UNIQUE INDEX segments_by_blob ON segments (blob);
CREATE INDEX segments_unfinished ON segments (session_key, start) WHERE state <> 1;

-- Clips that stay whatever the rules say (a legal hold).
CREATE TABLE kept_clips (
    clip_id TEXT NOT NULL PRIMARY KEY,
    device_id TEXT NOT NULL,
    channel INTEGER NOT NULL,
    owner TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL CHECK (ends_at > starts_at),
    note TEXT NOT NULL,
    -- A user name.
    kept_by TEXT NOT NULL,
    kept_at BIGINT NOT NULL
);

CREATE INDEX kept_clips_by_owner ON kept_clips (owner, clip_id);
CREATE INDEX kept_clips_by_channel ON kept_clips (device_id, channel, owner, starts_at);

-- What an operator set instead of the configuration: null as it says, 0 no limit.
CREATE TABLE recording_limits_of_channels (
    device_id TEXT NOT NULL,
    channel INTEGER NOT NULL,
    retention_ms BIGINT CHECK (retention_ms >= 0),
    bytes BIGINT CHECK (bytes >= 0),
    PRIMARY KEY (device_id, channel),
    FOREIGN KEY (device_id, channel) REFERENCES channels (device_id, number) ON DELETE CASCADE
);

CREATE TABLE recording_limits_of_owners (
    owner TEXT NOT NULL PRIMARY KEY REFERENCES users (name) ON DELETE CASCADE,
    retention_ms BIGINT CHECK (retention_ms >= 0),
    bytes BIGINT CHECK (bytes >= 0)
);
