extension ConfigurationTable {
    /// Recording: how long it stays, and how much of it.
    static let retention = [
        ConfigurationKey(
            "recording.retention",
            .duration(.zero ... .seconds(3650 * 86_400)),
            default: "7d",
            "How long recordings stay; 0: no limit. Single channels and users may have others."
        ),
        ConfigurationKey(
            "recording.quota",
            .size(0...(1 << 50)),
            default: "0",
            "The most that is kept of one channel, the oldest goes first; 0: no limit."
        ),
        ConfigurationKey(
            "recording.owner_quota",
            .size(0...(1 << 50)),
            default: "0",
            "The same of all channels of one user together."
        ),
        ConfigurationKey("recording.total_quota", .size(0...(1 << 50)), default: "0", "The same of all."),
        ConfigurationKey(
            "recording.kept_time",
            .duration(.zero ... .seconds(3650 * 86_400)),
            default: "31d",
            "Clips that one user keeps, together, over all cameras; 0: no limit. Those of operators do not count."
        ),
        ConfigurationKey(
            "recording.reserve",
            .size(0...(1 << 50)),
            default: "1GiB",
            "Free space on the disk of blobs below which the oldest recordings go; at least 5/4 of blobs.reserve counts."
        ),
    ]
}

extension Configuration {
    /// Nil: no limit.
    package struct Retention: Sendable {
        package var age: Duration?
        /// Bytes.
        package var channelQuota: Int?
        package var ownerQuota: Int?
        package var totalQuota: Int?
        package var reserve: Int
        package var keptTime: Duration?

        init(_ read: Typed) {
            func limit(_ path: String) -> Int? {
                let bytes = read.number(path)
                return bytes == 0 ? nil : bytes
            }
            let kept = read.duration("recording.kept_time")
            keptTime = kept == .zero ? nil : kept
            let age = read.duration("recording.retention")
            self.age = age == .zero ? nil : age
            channelQuota = limit("recording.quota")
            ownerQuota = limit("recording.owner_quota")
            totalQuota = limit("recording.total_quota")
            // At blobs.reserve uploads are refused: what is old has to go before that.
            let refusal = read.number("blobs.reserve")
            reserve = max(read.number("recording.reserve"), refusal + refusal / 4)
        }
    }
}
