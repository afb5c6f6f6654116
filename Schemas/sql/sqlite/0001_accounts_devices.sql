-- Accounts, sessions, devices, bindings.
--
-- Times are milliseconds since 1970 (UTC). Hashes are lower-case hexadecimal. Text that is compared or
-- listed in order is ASCII (HSSModel.TextIdentifier) and sorts by its bytes.

CREATE TABLE users (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('customer', 'operator')),
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    -- Scheme, parameters, salt and hash in one text, so that the parameters can grow.
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    -- Hash of the part of the refresh token that stays the same over rotations.
    family_hash TEXT NOT NULL PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    -- Hash of the part that works once.
    refresh_hash TEXT NOT NULL,
    refresh_expires_at BIGINT NOT NULL,
    access_hash TEXT NOT NULL UNIQUE,
    access_expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_name, created_at);
CREATE INDEX sessions_by_expiry ON sessions (refresh_expires_at);

CREATE TABLE devices (
    device_id TEXT NOT NULL PRIMARY KEY,
    -- As the unit writes it, and without separators in upper case.
    mac_id TEXT NOT NULL,
    mac_canonical TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    owner TEXT REFERENCES users (name) ON DELETE SET NULL,
    firmware_model TEXT,
    last_seen BIGINT,
    created_at BIGINT NOT NULL
);

CREATE INDEX devices_by_owner ON devices (owner, device_id);

CREATE TABLE channels (
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number BETWEEN 0 AND 255),
    channel_id TEXT NOT NULL UNIQUE,
    PRIMARY KEY (device_id, number)
);

CREATE TABLE bind_codes (
    code_hash TEXT NOT NULL PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE INDEX bind_codes_by_user ON bind_codes (user_name, expires_at);
CREATE INDEX bind_codes_by_expiry ON bind_codes (expires_at);
