-- What people want recorded of a channel: by command, by plan, by alarms. Times are milliseconds since 1970, lengths
-- milliseconds. A row says at least one of the three.
CREATE TABLE recording_settings (
    device_id TEXT NOT NULL,
    channel INTEGER NOT NULL,
    -- How long each segment is; none: as the platform likes it.
    segment_ms BIGINT CHECK (segment_ms > 0),
    -- From a customer's start to the stop, or to command_until.
    command_begun_at BIGINT,
    command_until BIGINT,
    command_prerecord_ms BIGINT,
    -- Stays when the user is gone: it is who wanted it.
    command_user TEXT,
    -- A name of the IANA time zone database.
    plan_zone TEXT,
    -- weekday-from-to, separated by commas: 0 for Monday, minutes of the day. '0-480-1080' is Monday from 8 to 18.
    plan_windows TEXT,
    -- Alarm types as bits, as a heartbeat has them (Table I.2-1).
    rule_types BIGINT,
    rule_prerecord_ms BIGINT,
    rule_clip_ms BIGINT,
    rule_longest_ms BIGINT,
    PRIMARY KEY (device_id, channel),
    FOREIGN KEY (device_id, channel) REFERENCES channels (device_id, number) ON DELETE CASCADE,
    CHECK ((command_begun_at IS NULL) = (command_user IS NULL)),
    CHECK ((command_begun_at IS NULL) = (command_prerecord_ms IS NULL)),
    CHECK (command_begun_at IS NOT NULL OR command_until IS NULL),
    CHECK ((plan_zone IS NULL) = (plan_windows IS NULL)),
    CHECK ((rule_types IS NULL) = (rule_prerecord_ms IS NULL)),
    CHECK ((rule_types IS NULL) = (rule_clip_ms IS NULL)),
    CHECK ((rule_types IS NULL) = (rule_longest_ms IS NULL)),
    CHECK (command_begun_at IS NOT NULL OR plan_zone IS NOT NULL OR rule_types IS NOT NULL)
) WITHOUT ROWID;
