import Bus
import HSSModel
import Vm

/// What operators and the SCU may see of a ``StreamTable``. The lock is held to copy names and references; connections are
/// asked when it is free.
extension StreamTable {
    func statuses(at now: Instant) -> [StreamStatus] {
        withState { state in
            state.streams.compactMap { id, stream in
                guard stream.publishing != nil || !stream.viewers.isEmpty else { return nil }
                return StreamStatus(id, stream, at: now)
            }
        }
    }

    /// `viewer`: those that came after it, at most `limit`.
    func detail(of id: StreamID, viewersAfter viewer: ViewerID?, limit: Int, at now: Instant) -> StreamDetail?
    {
        let found = withState { state -> (Stream, StreamStatus)? in
            guard let stream = state.streams[id], stream.publishing != nil || !stream.viewers.isEmpty else {
                return nil
            }
            return (stream, StreamStatus(id, stream, at: now))
        }
        guard let (stream, status) = found else { return nil }
        let after = viewer?.rawValue ?? 0
        let page = stream.viewers.keys.filter { $0 > after }.sorted().prefix(max(0, limit))
        var detail = StreamDetail(
            stream: status,
            publisher: stream.publishing.map { PublisherStatus($0, at: now) },
            viewers: page.compactMap { id in
                stream.viewers[id].map { ViewerStatus(ViewerID(rawValue: id), $0, at: now) }
            },
            renditions: renditionStatuses(of: stream, at: now)
        )
        if stream.publishing != nil { detail.format = StreamFormat(of: stream.hub.keptMedia) }
        return detail
    }
}

extension StreamStatus {
    fileprivate init(_ id: StreamID, _ stream: StreamTable.Stream, at now: Instant) {
        self.init(
            stream: id,
            source: stream.source,
            epoch: stream.publishing?.epoch ?? stream.epoch,
            publishing: stream.publishing?.isAnnounced ?? false,
            viewers: stream.viewers.count,
            bytesReceived: stream.hub.bytesReceived,
            bytesSent: stream.bytesSent,
            packetsLost: stream.hub.packetsLost,
            startedAt: stream.startedAt,
            bitrate: stream.publishing?.peer.tally.bitrate(at: now) ?? 0,
            contents: stream.contents,
            lastEnd: stream.lastEnd
        )
    }
}

extension PublisherStatus {
    fileprivate init(_ publishing: StreamTable.Publishing, at now: Instant) {
        let bitrate = publishing.peer.tally.bitrate(at: now)
        var srt = publishing.peer.figures().srt
        srt?.mbpsReceiveRate = Double(bitrate) / 1e6
        self.init(
            kind: .srt,
            peer: publishing.peer.address,
            isEncrypted: publishing.peer.isEncrypted,
            connectedSince: publishing.since,
            bytesReceived: publishing.peer.tally.total,
            bitrate: bitrate,
            latency: publishing.latency,
            srt: srt
        )
    }
}

extension ViewerStatus {
    fileprivate init(_ id: ViewerID, _ viewer: StreamTable.Viewer, at now: Instant) {
        let bitrate = viewer.peer.tally.bitrate(at: now)
        var (queuedBytes, srt) = viewer.peer.figures()
        srt?.mbpsSendRate = Double(bitrate) / 1e6
        self.init(
            id: id,
            lease: viewer.lease,
            kind: viewer.kind,
            rendition: viewer.rendition,
            peer: viewer.peer.address,
            isEncrypted: viewer.peer.isEncrypted,
            connectedSince: viewer.joinedAt,
            bytesSent: viewer.peer.tally.total,
            bitrate: bitrate,
            skipped: viewer.peer.tally.skipped,
            queuedBytes: queuedBytes,
            srt: srt
        )
    }
}
