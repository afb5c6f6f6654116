package import HSSModel
import MediaFormats

/// What a live encoder handed over and the network has not taken yet: at most two seconds and 4 MB of it. What does
/// not fit is dropped up to the next point where a decoder can begin, behind fresh tables.
package struct LiveBacklog: Sendable {
    package static let longestLag: Duration = .seconds(2)
    package static let mostBytes = 4 << 20
    /// An encoder that marks no such point goes on anywhere after this.
    package static let longestSkip: Duration = .seconds(10)
    /// So many bytes without a packet among them are no transport stream.
    package static let mostGarbage = 64 << 10

    private struct Message {
        /// One to seven packets.
        var packets: [UInt8]
        var since: Instant
        var isRandomAccess: Bool
    }

    private struct Run {
        var packets: [UInt8]
        var keyFrame: Int?
        var tables: [UInt8]?
    }

    private var scanner = TransportStreamScanner()
    private var tables: [UInt8] = []
    /// Those before `first` have left.
    private var messages: [Message] = []
    private var first = 0
    private var bytes = 0
    private var skippingSince: Instant?

    package init() {}

    /// Of a stream that runs already: begins with its next key frame, behind these tables.
    package init(joining tables: [UInt8], at now: Instant) {
        tables.withUnsafeBytes { scanner.scan($0) { _ in } }
        self.tables = tables
        skippingSince = now
    }

    /// Bytes as they come; packets may straddle calls. False: this is no transport stream.
    package mutating func append(_ chunk: [UInt8], at now: Instant) -> Bool {
        var runs: [Run] = []
        chunk.withUnsafeBytes { octets in
            scanner.scan(octets) { run in
                runs.append(
                    Run(packets: Array(run.octets), keyFrame: run.keyFrame, tables: run.tables?.packets)
                )
            }
        }
        for run in runs {
            if let tables = run.tables { self.tables = tables }
            take(run, at: now)
        }
        return scanner.octetsSinceLastPacket <= Self.mostGarbage
    }

    /// The oldest message, one to seven packets. Nil: nothing is there.
    package mutating func next(at now: Instant) -> [UInt8]? {
        if first < messages.count, now - messages[first].since > Self.longestLag { dropStale(at: now) }
        guard first < messages.count else { return nil }
        let packets = messages[first].packets
        messages[first].packets = []
        first += 1
        bytes -= packets.count
        if first == messages.count || first >= 512 {
            messages.removeFirst(first)
            first = 0
        }
        return packets
    }

    // MARK: Taking

    private mutating func take(_ run: Run, at now: Instant) {
        if bytes + run.packets.count > Self.mostBytes { dropAll(at: now) }
        guard let since = skippingSince else {
            guard let key = run.keyFrame else { return store(run.packets[...], at: now) }
            store(run.packets[..<key], at: now)
            return store(run.packets[key...], isRandomAccess: true, at: now)
        }
        let isOver = scanner.video == .none || now - since >= Self.longestSkip
        guard let start = run.keyFrame ?? (isOver ? 0 : nil) else { return }
        skippingSince = nil
        store(tables[...], isRandomAccess: true, at: now)
        store(run.packets[start...], isRandomAccess: tables.isEmpty, at: now)
    }

    private mutating func store(_ packets: ArraySlice<UInt8>, isRandomAccess: Bool = false, at now: Instant) {
        let size = TransportStreamScanner.longestRun
        var isStart = isRandomAccess
        var rest = packets
        bytes += packets.count
        while !rest.isEmpty {
            // Encoders that hand over packet by packet must not fill the network with small messages.
            if !isStart, first < messages.count, let last = messages.last, last.packets.count < size {
                let part = rest.prefix(size - last.packets.count)
                messages[messages.count - 1].packets += part
                rest = rest.dropFirst(part.count)
            } else {
                messages.append(
                    Message(packets: Array(rest.prefix(size)), since: now, isRandomAccess: isStart)
                )
                rest = rest.dropFirst(size)
            }
            isStart = false
        }
    }

    // MARK: Dropping

    private mutating func dropAll(at now: Instant) {
        messages = []
        first = 0
        bytes = 0
        skippingSince = skippingSince ?? now
    }

    /// Goes on at the oldest point that is fresh enough, or waits for the next one.
    private mutating func dropStale(at now: Instant) {
        let fresh = messages[first...].firstIndex {
            $0.isRandomAccess && now - $0.since <= Self.longestLag
        }
        guard let fresh else { return dropAll(at: now) }
        let kept = messages[fresh...].map { $0 }
        dropAll(at: now)
        skippingSince = nil
        store(tables[...], isRandomAccess: true, at: kept[0].since)
        messages += kept
        bytes += kept.reduce(0) { $0 + $1.packets.count }
    }
}
