package import HSSModel
package import Vr

/// A check of recordings: the index against the bytes (`vedette admin fsck`).
package struct RecordCheckReport: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        case running
        case finished
        /// By an operator, or by the end of the platform.
        case stopped
        case failed(String)
    }

    /// Findings that are told one by one; the rest is counted.
    package static let mostFindings = 1000

    package var depth: RecordCheck.Depth
    package var repairs: Bool
    package var state = State.running
    package var beganAt: WallTime
    package var endedAt: WallTime?
    /// Segments that count, when the check began: for the progress.
    package var segments: Int
    package var checkedSegments = 0
    package var checkedBlobs = 0
    package var findings: [RecordCheck.Finding] = []
    package var counts: [String: Int] = [:]
    package var repaired = 0
    /// Damaged, and not dropped: a kept clip protects them. Somebody has to release it, or to bring the bytes back.
    package var kept = 0

    package init(depth: RecordCheck.Depth, repairs: Bool, beganAt: WallTime, segments: Int) {
        self.depth = depth
        self.repairs = repairs
        self.beganAt = beganAt
        self.segments = segments
    }

    package var total: Int { counts.values.reduce(0, +) }

    package mutating func add(_ finding: RecordCheck.Finding, repaired isRepaired: Bool, kept isKept: Bool) {
        counts[finding.kind, default: 0] += 1
        if isRepaired { repaired += 1 }
        if isKept { kept += 1 }
        if findings.count < Self.mostFindings { findings.append(finding) }
    }
}

extension RecordCheck.Finding {
    /// A word for programs.
    package var kind: String {
        switch self {
        case .missing: "missing"
        case .wrongSize: "wrong_size"
        case .wrongChecksum: "wrong_checksum"
        case .halfDropped: "half_dropped"
        case .unfinished: "unfinished"
        case .orphan: "orphan"
        }
    }
}

/// Checks of recordings, while everything goes on. Whoever calls is an operator.
package protocol RecordCheckPoint: Sendable {
    /// `conflict` while one runs.
    func startCheck(
        depth: RecordCheck.Depth,
        repair: Bool
    ) async throws(RecordingError) -> RecordCheckReport
    /// The one that runs, or the last one of this run of the platform.
    func lastCheck() async -> RecordCheckReport?
    /// Nothing happens where none runs.
    func stopCheck() async
}
