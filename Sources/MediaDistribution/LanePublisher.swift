import Bus
import HSSModel
import MediaFormats
import SRTTransport
import ServerKit
import Vm

/// One publisher's connection: order restored, packets examined, handed to the hub. Belongs to its lane's thread.
final class LanePublisher {
    /// More octets than this without a packet, or without tables, are not a transport stream.
    private static let patienceInBytes = 1 << 20
    private static let garbageInBytes = 64 << 10

    let socket: SRTSocket
    let stream: StreamID
    let place: StreamTable.Place
    private var reorder: PacketReorder
    private var scanner = TransportStreamScanner()
    private let acceptedAt: Instant
    private var lastMessage: Instant
    private var octets = 0
    private var bitrate: BitrateMeter?
    private var isAnnounced = false
    /// Set once the tables are there.
    private var rules: IngestRules?
    private var reported = (skipped: 0, late: 0)

    init(
        _ socket: SRTSocket,
        _ stream: StreamID,
        _ place: StreamTable.Place,
        at now: Instant
    ) {
        self.socket = socket
        self.stream = stream
        self.place = place
        bitrate = BitrateMeter(limit: place.maxBitrate, at: now)
        reorder = PacketReorder(holeDeadline: place.latency)
        acceptedAt = now
        lastMessage = now
    }

    func receive(_ message: UnsafeRawBufferPointer, sequence: UInt32, at now: Instant) {
        lastMessage = now
        octets += message.count
        place.tally.add(octets: message.count)
        reorder.push(message, sequence: sequence, at: now) { deliver($0, now) }
    }

    /// What has to be done though nothing arrives. True: a programme has shown itself for the first time.
    func tick(at now: Instant, _ metrics: MediaMetrics) -> Bool {
        if reorder.hasHole { reorder.giveUpHoles(at: now) { deliver($0, now) } }
        place.hub.tick(at: now)
        if reorder.skipped > reported.skipped {
            place.hub.countLost(reorder.skipped - reported.skipped)
            reported.skipped = reorder.skipped
        }
        if reorder.late > reported.late {
            metrics.packetsLate.add(reorder.late - reported.late)
            reported.late = reorder.late
        }
        guard !isAnnounced, let rules, rules.objection == nil, !rules.isEmpty else { return false }
        isAnnounced = true
        return true
    }

    var contents: StreamContents { rules?.contents ?? StreamContents() }

    /// Nothing more will come: what waits goes out, holes or not.
    func finish(at now: Instant) {
        reorder.finish { deliver($0, now) }
        place.hub.finish(at: now)
    }

    /// Why it must not stay, if so. To be asked each half second or so.
    func verdict(at now: Instant, silence: Duration) -> MediaEnd? {
        if scanner.octetsSinceLastPacket > Self.garbageInBytes { return .malformed }
        if now - lastMessage > silence { return .silent }
        if bitrate?.isExceeded(by: octets, at: now) ?? false { return .overBitrate }
        if let objection = rules?.objection { return objection }
        // Sooner than the SCU gives up waiting for the stream, so that the customer hears why.
        let isPatient = octets <= Self.patienceInBytes && now - acceptedAt <= silence / 2
        guard !isPatient, octets > 0 else { return nil }
        guard let rules else { return scanner.packets > 0 ? .noProgramme : .malformed }
        return rules.isEmpty ? .noMedia : nil
    }

    private func deliver(_ message: UnsafeRawBufferPointer, _ now: Instant) {
        scanner.scan(message) { run in
            if let tables = run.tables {
                rules = tables.summary.map { IngestRules($0) }
                place.hub.setTables(tables, of: place.id)
            }
            place.hub.ingest(run.octets, keyFrame: run.keyFrame, from: place.id, at: now)
        }
    }
}
