/// Reads stored segments one after the other: finds their packets, whatever is between them, and takes them apart. What
/// lies across two segments that go on from one another is put together again.
struct SegmentDemultiplexer: Sendable {
    private var scanner = TransportStreamScanner()
    private var demultiplexer = TransportStreamDemultiplexer()

    mutating func take(
        _ octets: UnsafeRawBufferPointer,
        _ deliver: (TransportStreamDemultiplexer.Event) -> Void
    ) {
        Self.take(octets, &scanner, &demultiplexer, deliver)
    }

    private static func take(
        _ octets: UnsafeRawBufferPointer,
        _ scanner: inout TransportStreamScanner,
        _ demultiplexer: inout TransportStreamDemultiplexer,
        _ deliver: (TransportStreamDemultiplexer.Event) -> Void
    ) {
        scanner.scan(octets) { demultiplexer.take($0.octets, deliver) }
    }

    /// The segment has ended: a segment begins with a picture, so the last one is whole.
    mutating func endSegment(_ deliver: (TransportStreamDemultiplexer.Event) -> Void) {
        scanner = TransportStreamScanner()
        demultiplexer.finish(deliver)
    }
}

/// Looks for something in what a segment is made of.
protocol SegmentWatcher {
    /// What follows would change nothing.
    var isOver: Bool { get }
    mutating func note(_ event: TransportStreamDemultiplexer.Event)
}

extension SegmentDemultiplexer {
    mutating func take(_ octets: UnsafeRawBufferPointer, for watcher: inout some SegmentWatcher) {
        guard !watcher.isOver else { return }
        take(octets) { watcher.note($0) }
    }

    mutating func endSegment(for watcher: inout some SegmentWatcher) {
        guard !watcher.isOver else { return }
        endSegment { watcher.note($0) }
    }
}
