import Blobs
import Crypto
import HSSModel
import MediaFormats
import NIOCore
import Vr

enum ExportFormat: String, Sendable, CaseIterable {
    case mp4, ts

    var type: String {
        switch self {
        case .mp4: "video/mp4"
        case .ts: "video/mp2t"
        }
    }
}

/// What a file of recordings is made of, known before its first byte.
struct ExportPlan: Sendable {
    struct Part: Sendable {
        var row: SegmentRow
        var segment: ExportSegment
        /// Where it begins within the segment, if that has to be looked for.
        var lead: Duration?
    }

    /// Changes with what is written of the same segments: half of a file of an older build must not be continued.
    private static let revision = 2
    /// What a join may add to what is shown: a picture of 25 a second.
    private static let join: Duration = .milliseconds(40)

    let format: ExportFormat
    private(set) var parts: [Part]
    /// Of what is shown.
    let duration: Duration
    /// A strong entity tag: the same one stands for the same bytes.
    let tag: String
    /// Of the segments that are read.
    let bytes: Int64
    let mayLead: Bool

    /// `pieces` is not empty. `mayLead`: it may begin before what was asked for, where decoding can begin.
    init(_ pieces: [PlayedPiece], _ format: ExportFormat, mayLead: Bool = true) {
        self.format = format
        self.mayLead = mayLead
        var parts: [Part] = []
        var duration = Duration.zero
        var hash = SHA256()
        hash.update(data: Array("\(Self.revision) \(format.rawValue)\n".utf8))
        for (index, played) in pieces.enumerated() {
            let (piece, row) = (played.piece, played.row)
            let isContinuous = !parts.isEmpty && !piece.isDiscontinuous && piece.from <= row.start
            if !parts.isEmpty, !isContinuous { duration += Self.join }
            // What follows at once says how long it really is.
            let next = index + 1 < pieces.count ? pieces[index + 1].piece : nil
            duration +=
                next.map { $0.isDiscontinuous ? piece.duration : $0.from - piece.from } ?? piece.duration
            let end = played.end.map { ($0 - row.start).wholeMilliseconds * 90 }
            parts.append(
                Part(
                    row: row,
                    segment: ExportSegment(isContinuous: isContinuous, end: end),
                    lead: piece.from > row.start ? piece.from - row.start : nil
                )
            )
            let line = "\(row.blob) \(piece.from.milliseconds) \(end ?? -1) \(isContinuous)\n"
            hash.update(data: Array(line.utf8))
        }
        self.parts = parts
        self.duration = duration
        bytes = pieces.reduce(0) { $0 + $1.row.size }
        tag = "\"" + Base64URL.encode(Array(hash.finalize().prefix(18))) + "\""
    }

    func makeExport() -> any RecordingExport {
        switch format {
        case .mp4: MP4Export(duration: duration.wholeMilliseconds)
        case .ts: TransportStreamExport()
        }
    }
}

/// Makes the bytes of a file piece by piece, with one segment open at a time and some 256 KiB in memory.
struct ExportRun {
    private let bytes: SegmentBytes
    private let plan: ExportPlan
    private var export: any RecordingExport
    private var output: [UInt8] = []
    private var index = 0
    private var segment: (any BlobReader)?
    /// In the segment, in bytes.
    private var place: Int64 = 0
    private var isFinished = false

    init(_ bytes: SegmentBytes, _ plan: ExportPlan, with export: (any RecordingExport)? = nil) {
        self.bytes = bytes
        self.plan = plan
        self.export = export ?? plan.makeExport()
    }

    /// What comes next; nil: that was all.
    mutating func next() async throws -> ByteBuffer? {
        while !isFinished, output.count < SegmentBytes.step { try await advance() }
        guard !output.isEmpty else { return nil }
        defer { output.removeAll(keepingCapacity: true) }
        return ByteBuffer(bytes: output)
    }

    private mutating func advance() async throws {
        // Whoever asked may have gone.
        try Task.checkCancellation()
        guard let segment else { return try await openNext() }
        let piece = try await segment.read(at: place, count: SegmentBytes.step)
        place += Int64(piece.readableBytes)
        piece.withUnsafeReadableBytes { export.take($0, &output) }
        if let failure = export.failure { throw failure }
        guard piece.readableBytes == 0 || place >= segment.size else { return }
        export.endSegment(&output)
        self.segment = nil
        index += 1
    }

    private mutating func openNext() async throws {
        guard index < plan.parts.count else {
            export.finish(&output)
            isFinished = true
            return
        }
        let part = plan.parts[index]
        guard let cut = try await find(part, mayLead: plan.mayLead && index == 0) else {
            index += 1
            return
        }
        segment = try await bytes.open(part.row.blob)
        place = 0
        export.begin(cut, &output)
    }

    /// Finds the key frame where a part begins. Nil: nothing of it can be decoded.
    private func find(_ part: ExportPlan.Part, mayLead: Bool) async throws -> ExportSegment? {
        guard let lead = part.lead else { return part.segment }
        var search = KeyFrameSearch(lead: lead.wholeMilliseconds * 90, mayLead: mayLead)
        try await bytes.read(part.row.blob) {
            search.take($0)
            return !search.isOver
        }
        search.finish()
        guard let found = search.place else { return nil }
        var segment = part.segment
        segment.begin = found
        return segment
    }
}
