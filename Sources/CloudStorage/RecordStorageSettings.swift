package import Vr

/// What the configuration says of recording.
package struct RecordStorageSettings: Sendable {
    /// What addresses begin with.
    package var origins: UploadOrigins
    /// Of one record session (`recording.segment_size`, `recording.confirm_within`).
    package var session: RecordSession.Limits
    /// Segments under way at a time, of all units (`limits.record_uploads`).
    package var uploads: Int
    /// Record sessions that are held because something of them is open (`limits.record_sessions`).
    package var sessions: Int
    /// From the first byte of an upload until it has to go on with another one (`recording.upload_time`).
    package var uploadTime: Duration
    /// Requests a second of one network address, in the long run and at once (`limits.record_rate`, `limits.record_burst`).
    package var requestsPerSecond: Double
    package var burst: Int

    package init(
        origins: UploadOrigins,
        session: RecordSession.Limits = .init(),
        uploads: Int = 1000,
        sessions: Int = 50_000,
        uploadTime: Duration = .seconds(300),
        requestsPerSecond: Double = 200,
        burst: Int = 2000
    ) {
        self.origins = origins
        self.session = session
        self.uploads = uploads
        self.sessions = sessions
        self.uploadTime = uploadTime
        self.requestsPerSecond = requestsPerSecond
        self.burst = burst
    }
}
