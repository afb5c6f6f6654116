-- Firmware images and their roll-outs.
--
-- Times are milliseconds since 1970 (UTC), durations milliseconds. Hashes are lower-case hexadecimal.

-- What a unit said of itself at its last login (Table 9-3). Null: it never logged in.
ALTER TABLE devices ADD COLUMN hardware_model TEXT;
CREATE INDEX devices_by_hardware ON devices (hardware_model, device_id);

CREATE TABLE firmware (
    firmware_id TEXT NOT NULL PRIMARY KEY,
    hardware_model TEXT NOT NULL,
    version TEXT NOT NULL,
    blob TEXT NOT NULL UNIQUE,
    -- In bytes.
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    UNIQUE (hardware_model, version)
);

CREATE TABLE roll_outs (
    -- Begins with the time of its creation: names sort by it.
    roll_out_id TEXT NOT NULL PRIMARY KEY,
    -- Null once the image was removed, which is only possible after the end.
    firmware_id TEXT REFERENCES firmware (firmware_id) ON DELETE SET NULL,
    hardware_model TEXT NOT NULL,
    version TEXT NOT NULL,
    opens_at BIGINT NOT NULL,
    closes_at BIGINT NOT NULL,
    spread BIGINT NOT NULL,
    most_at_once INTEGER NOT NULL,
    error_limit INTEGER NOT NULL,
    error_sample INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    patience BIGINT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('running', 'paused', 'stopped', 'cancelled', 'finished')),
    -- What had finished when it was resumed after a stop: failures count from there.
    forgiven_done INTEGER NOT NULL DEFAULT 0,
    forgiven_failed INTEGER NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Null while units are told or followed.
    ended_at BIGINT,
    CHECK (ended_at IS NOT NULL OR firmware_id IS NOT NULL)
);

CREATE INDEX roll_outs_by_firmware ON roll_outs (firmware_id);

CREATE TABLE roll_out_units (
    roll_out_id TEXT NOT NULL REFERENCES roll_outs (roll_out_id) ON DELETE CASCADE,
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'updating', 'done', 'failed', 'missed')),
    -- Attempts that failed; of one that is being updated, with the present one.
    attempts INTEGER NOT NULL,
    -- What the unit last answered to QueryUpgrade; null unless it is being updated.
    step TEXT,
    percent INTEGER,
    running_version TEXT,
    -- Why the last attempt failed.
    reason TEXT,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (roll_out_id, device_id)
);

CREATE INDEX roll_out_units_by_state ON roll_out_units (roll_out_id, state, device_id);
-- A unit is in one roll-out at a time.
CREATE UNIQUE INDEX roll_out_units_open ON roll_out_units (device_id) WHERE state IN ('waiting', 'updating');
CREATE INDEX roll_out_units_by_device ON roll_out_units (device_id);
