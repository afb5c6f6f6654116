-- Who may do what: shares, households, groups; sessions as their user sees them, second factors.
--
-- Times are milliseconds since 1970. Rights and scopes are sums of bits (HSSModel.Rights, HSSModel.Scopes).

-- Base32 of a secret of RFC 6238, sealed under a key of the installation that is not in the database.
ALTER TABLE users ADD COLUMN totp_secret TEXT;
-- The user has shown a code of it: logins ask for one.
ALTER TABLE users ADD COLUMN totp_confirmed INTEGER NOT NULL DEFAULT 0 CHECK (totp_confirmed IN (0, 1));
-- The time step of the last code that was taken: each counts once.
ALTER TABLE users ADD COLUMN totp_step BIGINT;

CREATE TABLE recovery_codes (
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    PRIMARY KEY (user_name, code_hash)
) WITHOUT ROWID;

-- A login of a person, or a token that a person made for a program: it has no refresh token (refresh_hash is empty).
ALTER TABLE sessions ADD COLUMN kind TEXT NOT NULL DEFAULT 'login' CHECK (kind IN ('login', 'token'));
ALTER TABLE sessions ADD COLUMN name TEXT;
-- None: everything.
ALTER TABLE sessions ADD COLUMN scopes INTEGER CHECK (scopes > 0);
ALTER TABLE sessions ADD COLUMN last_used_at BIGINT;
ALTER TABLE sessions ADD COLUMN address TEXT;
ALTER TABLE sessions ADD COLUMN client TEXT;
-- The refresh token before the present one and when it was exchanged: who lost the answer may bring it again for a moment.
ALTER TABLE sessions ADD COLUMN previous_refresh_hash TEXT;
ALTER TABLE sessions ADD COLUMN rotated_at BIGINT;

CREATE TABLE shares (
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    rights INTEGER NOT NULL CHECK (rights > 0),
    -- A name of the IANA time zone database, and windows as in recording_settings. None: at all hours.
    zone TEXT,
    windows TEXT,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, user_name),
    CHECK ((zone IS NULL) = (windows IS NULL))
) WITHOUT ROWID;

CREATE INDEX shares_by_user ON shares (user_name, device_id);
CREATE INDEX shares_by_expiry ON shares (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE households (
    household_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE household_members (
    household_id TEXT NOT NULL REFERENCES households (household_id) ON DELETE CASCADE,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
    rights INTEGER NOT NULL CHECK (rights > 0),
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (household_id, user_name)
) WITHOUT ROWID;

CREATE INDEX household_members_by_user ON household_members (user_name, household_id);

-- Put there by its owner, who is a member; gone with the owner's membership or ownership.
CREATE TABLE household_devices (
    household_id TEXT NOT NULL REFERENCES households (household_id) ON DELETE CASCADE,
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (household_id, device_id)
) WITHOUT ROWID;

CREATE INDEX household_devices_by_device ON household_devices (device_id, household_id);

-- A user's own arrangement of cameras. It gives no right.
CREATE TABLE camera_groups (
    group_id TEXT NOT NULL PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX camera_groups_by_user ON camera_groups (user_name, group_id);

CREATE TABLE camera_group_devices (
    group_id TEXT NOT NULL REFERENCES camera_groups (group_id) ON DELETE CASCADE,
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    -- In the order in which they were put there.
    place INTEGER NOT NULL,
    PRIMARY KEY (group_id, device_id)
) WITHOUT ROWID;

CREATE INDEX camera_group_devices_by_device ON camera_group_devices (device_id);
