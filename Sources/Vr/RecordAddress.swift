package import HSSModel

/// The Vr address of a channel for one record session, as `StartRecord` tells it (`cbk_url`, Table I.2-14):
/// `https://<domain:port>/live/cseg/<channel ID>?k=<session>~<tag>` (§9.3.4.2).
package struct RecordAddress: Sendable, Hashable {
    package static let path = "/live/cseg/"
    /// "At most 256 bytes".
    package static let longest = 256
    private static let label = "record"
    /// No character of an identifier, and none that a query has to escape.
    private static let separator: Character = "~"

    package let channel: ChannelID
    package let session: RecordSessionID

    package init(channel: ChannelID, session: RecordSessionID) {
        self.channel = channel
        self.session = session
    }

    /// The whole address behind `origin` (`https://host:port`). Nil where it is longer than a unit takes: with names of
    /// 64 and 16 characters an origin may have 118.
    package func url(at origin: String, key: RecordKey) -> Secret? {
        let tag = key.tag(Self.label, [channel.rawValue, session.rawValue])
        let text = "\(origin)\(Self.path)\(channel)?k=\(session)\(Self.separator)\(tag)"
        return text.utf8.count <= Self.longest ? Secret(text) : nil
    }

    /// What a request came to: path and query. Which session is meant is known only of a genuine key. Other parameters
    /// are passed over: proxies add some.
    package init(parsing target: String, key: RecordKey) throws(RecordFailure) {
        let target = try RequestTarget(target, below: Self.path)
        guard let channel = ChannelID(rawValue: String(target.path)), let code = target.query["k"] else {
            throw .wrongKey
        }
        let parts = code.split(separator: Self.separator, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let session = RecordSessionID(rawValue: String(parts[0])),
            key.isTag(parts[1], Self.label, [channel.rawValue, session.rawValue])
        else { throw .wrongKey }
        self.init(channel: channel, session: session)
    }
}

/// The address that one segment is `PUT` to:
/// `/live/seg/<channel ID>/<session>/<name>?size=<bytes>&expires=<ms>&k=<tag>`.
package struct UploadAddress: Sendable, Hashable {
    package static let path = "/live/seg/"
    private static let label = "upload"

    package let channel: ChannelID
    package let session: RecordSessionID
    package let segment: SegmentName
    /// Bytes, as announced.
    package let size: Int64
    package let expiresAt: WallTime

    package init(
        channel: ChannelID,
        session: RecordSessionID,
        segment: SegmentName,
        size: Int64,
        expiresAt: WallTime
    ) {
        self.channel = channel
        self.session = session
        self.segment = segment
        self.size = size
        self.expiresAt = expiresAt
    }

    package func url(at origin: String, key: RecordKey) -> Secret {
        let tag = key.tag(Self.label, signed)
        return Secret(
            "\(origin)\(Self.path)\(channel)/\(session)/\(segment)"
                + "?size=\(size)&expires=\(expiresAt.milliseconds)&k=\(tag)"
        )
    }

    /// What an upload came to: path and query. Forged and expired are refused alike.
    package init(parsing target: String, key: RecordKey, at now: WallTime) throws(RecordFailure) {
        let target = try RequestTarget(target, below: Self.path)
        let names = target.path.split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 3, let channel = ChannelID(rawValue: String(names[0])),
            let session = RecordSessionID(rawValue: String(names[1])),
            let segment = SegmentName(String(names[2])),
            let size = target.query["size"].flatMap({ Int64($0) }),
            let expiry = target.query["expires"].flatMap({ Int64($0) }), let tag = target.query["k"]
        else { throw .wrongKey }
        self.init(
            channel: channel,
            session: session,
            segment: segment,
            size: size,
            expiresAt: WallTime(milliseconds: expiry)
        )
        guard key.isTag(tag, Self.label, signed), now < expiresAt else { throw .wrongKey }
    }

    private var signed: [String] {
        [channel.rawValue, session.rawValue, segment.description, "\(size)", "\(expiresAt.milliseconds)"]
    }
}

/// Path and query of a request, bounded.
private struct RequestTarget {
    static let longest = 1024

    var path: Substring
    /// As they stand: our own values need no escaping. Of a parameter that is there twice the first counts.
    var query: [Substring: Substring] = [:]

    init(_ text: String, below prefix: String) throws(RecordFailure) {
        guard text.utf8.count <= Self.longest else { throw .requestTooLong }
        guard text.hasPrefix(prefix) else { throw .wrongKey }
        let parts = text.dropFirst(prefix.count).split(
            separator: "?",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        path = parts[0]
        guard parts.count == 2 else { return }
        for pair in parts[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if sides.count == 2, query[sides[0]] == nil { query[sides[0]] = sides[1] }
        }
    }
}
