extension ConfigurationTable {
    /// Recording: what units upload.
    static let recording = [
        ConfigurationKey(
            "recording.segment_size",
            .size((64 << 10)...(2 << 30 - 1)),
            default: "256MiB",
            "Largest segment that is taken."
        ),
        ConfigurationKey(
            "recording.confirm_within",
            .duration(.seconds(60) ... .seconds(86_400)),
            default: "15m",
            "A segment that was announced and is neither saved nor failed by then is dropped."
        ),
        ConfigurationKey(
            "recording.upload_time",
            .duration(.seconds(10) ... .seconds(3600)),
            default: "5m",
            "One upload; a slower one is cut and may go on where it stopped."
        ),
        ConfigurationKey(
            "recording.uploads",
            .count(1...100_000),
            default: "1000",
            "Segments under way at a time; beyond, units are told to come again."
        ),
        ConfigurationKey(
            "recording.sessions",
            .count(1...1_000_000),
            default: "50000",
            "Record sessions of which a segment is open, at a time."
        ),
        ConfigurationKey(
            "recording.rate",
            .count(1...100_000),
            default: "200",
            "Requests and uploads per second of one address, in the long run."
        ),
        ConfigurationKey("recording.burst", .count(1...100_000), default: "2000", "The same at once."),
    ]
}

extension Configuration {
    package struct Recording: Sendable {
        /// Bytes.
        package var segmentSize: Int
        package var confirmWithin: Duration
        package var uploadTime: Duration
        package var uploads: Int
        package var sessions: Int
        package var rate: Int
        package var burst: Int

        init(_ read: Typed) {
            segmentSize = read.number("recording.segment_size")
            confirmWithin = read.duration("recording.confirm_within")
            uploadTime = read.duration("recording.upload_time")
            uploads = read.number("recording.uploads")
            sessions = read.number("recording.sessions")
            rate = read.number("recording.rate")
            burst = read.number("recording.burst")
        }
    }
}
