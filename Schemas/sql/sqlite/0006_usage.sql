-- What was carried for whom, by day, and settings of single channels.
--
-- Days are counted since 1970-01-01 (UTC), times are milliseconds, amounts of data octets. Names of users and devices
-- stay when these are gone: they are what was used, not who is there. '' is nobody: a device without an owner, a
-- viewer of whom nothing is known any more.

CREATE TABLE usage_channels (
    -- Who owned the device then.
    owner TEXT NOT NULL,
    device_id TEXT NOT NULL,
    channel INTEGER NOT NULL,
    day INTEGER NOT NULL,
    ingest_bytes BIGINT NOT NULL,
    live_ms BIGINT NOT NULL,
    delivered_bytes BIGINT NOT NULL,
    viewer_ms BIGINT NOT NULL,
    PRIMARY KEY (owner, device_id, channel, day)
) WITHOUT ROWID;

CREATE INDEX usage_channels_by_device ON usage_channels (device_id, day);
CREATE INDEX usage_channels_by_day ON usage_channels (day);

CREATE TABLE usage_watched (
    user_name TEXT NOT NULL,
    device_id TEXT NOT NULL,
    channel INTEGER NOT NULL,
    day INTEGER NOT NULL,
    delivered_bytes BIGINT NOT NULL,
    viewer_ms BIGINT NOT NULL,
    PRIMARY KEY (user_name, device_id, channel, day)
) WITHOUT ROWID;

CREATE INDEX usage_watched_by_day ON usage_watched (day);

-- Sums of the two above, so that nobody has to add up every channel of the platform.
CREATE TABLE usage_users (
    user_name TEXT NOT NULL,
    day INTEGER NOT NULL,
    ingest_bytes BIGINT NOT NULL,
    live_ms BIGINT NOT NULL,
    delivered_bytes BIGINT NOT NULL,
    viewer_ms BIGINT NOT NULL,
    watched_bytes BIGINT NOT NULL,
    watched_ms BIGINT NOT NULL,
    PRIMARY KEY (user_name, day)
) WITHOUT ROWID;

CREATE INDEX usage_users_by_day ON usage_users (day);

CREATE TABLE usage_days (
    day INTEGER NOT NULL PRIMARY KEY,
    ingest_bytes BIGINT NOT NULL,
    live_ms BIGINT NOT NULL,
    delivered_bytes BIGINT NOT NULL,
    viewer_ms BIGINT NOT NULL
);

-- The last report of each run of a media server that was added: one that comes again must not count again.
CREATE TABLE usage_reports (
    run TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    day INTEGER NOT NULL
);

CREATE INDEX usage_reports_by_day ON usage_reports (day);

-- What an operator set for one channel; no row: as the configuration says.
CREATE TABLE channel_settings (
    device_id TEXT NOT NULL,
    channel INTEGER NOT NULL,
    srt_latency_ms INTEGER CHECK (srt_latency_ms BETWEEN 20 AND 8000),
    PRIMARY KEY (device_id, channel),
    FOREIGN KEY (device_id, channel) REFERENCES channels (device_id, number) ON DELETE CASCADE
);
