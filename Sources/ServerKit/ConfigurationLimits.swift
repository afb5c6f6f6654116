extension ConfigurationTable {
    /// What strangers are granted.
    static let limits = [
        count(
            "connections",
            1...1_000_000,
            24_000,
            "Open connections, on the HTTP ports together and on Vd."
        ),
        count("connections_per_address", 1...1_000_000, 500, "The same from one IPv4 address or IPv6 /64."),
        duration("header_timeout", .seconds(1) ... .seconds(120), "10s", "TLS handshake and request header."),
        duration(
            "idle_timeout",
            .seconds(5) ... .seconds(3600),
            "75s",
            "HTTP connection without a request, or request without progress."
        ),
        duration(
            "drain_timeout",
            .zero ... .seconds(300),
            "5s",
            "From SIGTERM until connections still open are cut."
        ),
        size("header_size", 1024...(1 << 20), "16KiB", "Header of one HTTP request."),
        size("request_body", 1024...(64 << 20), "64KiB", "JSON body of one HTTP request."),
        size("message_size", 1024...(16 << 20), "256KiB", "One Vd message."),
        count("login_failures", 1...1000, 5, "Wrong passwords of one address before it has to wait."),
        count("login_failures_account", 1...10_000, 20, "The same of one account, from all addresses."),
        count("sessions_per_user", 1...10_000, 100, "Customer logins of one user at a time."),
        count("vs_rate", 1...100_000, 20, "Scheduling requests per second of one address, in the long run."),
        count("vs_burst", 1...100_000, 500, "The same at once."),
        count(
            "api_rate",
            1...100_000,
            50,
            "Customer API requests per second of one address, in the long run."
        ),
        count("api_burst", 1...100_000, 200, "The same at once."),
        count("units", 1...1_000_000, 20_000, "Units logged in at a time."),
        count("calls_per_unit", 1...1000, 16, "Requests waiting for one unit's answer."),
        count("live_waiting", 1...10_000, 100, "Customers waiting for one channel's first picture."),
        size("upload_picture", 1024...(1 << 30), "8MiB", "One picture of a unit."),
        size("upload_log", 1024...(16 << 30), "64MiB", "One log of a unit."),
        count("uploads", 1...100_000, 256, "Uploads of units under way at a time."),
        size("firmware", 1024...(16 << 30), "256MiB", "One firmware image."),
        count(
            "firmware_downloads",
            1...10_000,
            50,
            "Units that fetch firmware at a time; others are told to come again."
        ),
        count("alarms_per_unit", 10...1_000_000, 10_000, "Alarms of one unit that are kept; the oldest go."),
        count("alarm_rate", 1...1000, 1, "Alarm reports per second of one unit, in the long run."),
        count("alarm_burst", 1...10_000, 60, "The same at once."),
        count("events", 1000...1_000_000_000, 1_000_000, "Events of all units that are kept; the oldest go."),
        count(
            "audit_entries",
            1000...100_000_000,
            5_000_000,
            "Entries of the audit trail that are kept; the oldest go."
        ),
        count("webhooks_per_user", 1...1000, 10, "Webhooks of one user."),
        count("event_subscribers", 1...100_000, 1000, "Followers of the event stream at a time."),
        count("streams", 1...100_000, 1000, "Streams published at a time."),
        count("viewers", 1...1_000_000, 5000, "Viewers at a time, SRT and HTTP together."),
        count("viewers_per_stream", 1...1_000_000, 500, "Viewers of one stream."),
        count(
            "viewers_per_user",
            1...1_000_000,
            100,
            "Pictures that one user watches at a time, over all devices."
        ),
        size(
            "viewer_backlog",
            (64 << 10)...(256 << 20),
            "4MiB",
            "Kept for a slow viewer before it skips ahead."
        ),
        size(
            "hls_window",
            (2 << 20)...(1 << 30),
            "24MiB",
            "Kept of a stream that is watched over HLS."
        ),
        size(
            "pictures_cache",
            (1 << 20)...(16 << 30),
            "64MiB",
            "Key frames and pictures kept for those who ask next."
        ),
        count(
            "playback_rate",
            1...100_000,
            20,
            "Timelines, playlists and cut segments of recordings per second of one user, in the long run."
        ),
        count("playback_burst", 1...100_000, 200, "The same at once."),
        count("exports", 1...10_000, 64, "Downloads of recordings under way at a time."),
        count("exports_per_user", 1...10_000, 4, "The same of one user."),
        count("pictures_waiting", 1...10_000, 64, "Pictures that wait to be made at a time."),
        count(
            "srt_handshakes",
            1...100_000,
            10,
            "SRT handshakes per second of one address, in the long run."
        ),
        count("srt_handshakes_burst", 1...100_000, 100, "The same at once."),
    ]
}
