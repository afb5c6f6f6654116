extension Configuration {
    /// How long the audit trail gets.
    package struct Audit: Sendable {
        package var retention: Duration
        package var entries: Int

        init(_ read: Typed) {
            retention = read.duration("audit.retention")
            entries = read.number("limits.audit_entries")
        }
    }
}
