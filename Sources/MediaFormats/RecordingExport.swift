/// One stored segment, or a part of one, as it stands in an export.
package struct ExportSegment: Sendable, Equatable {
    /// Times and counters go on from the segment before.
    package var isContinuous: Bool
    /// Where it begins; nil: with what is there.
    package var begin: KeyFrameSearch.Place?
    /// Where it ends, in ticks of 90 kHz from the segment's first picture on; nil: with what is there.
    package var end: Int64?

    package init(isContinuous: Bool, begin: KeyFrameSearch.Place? = nil, end: Int64? = nil) {
        self.isContinuous = isContinuous
        self.begin = begin
        self.end = end
    }
}

/// Joins stored segments to one file, without coding anything anew. The same segments make the same octets, so that a
/// download can be taken up again. Segments are hostile: whatever is in them, memory stays bounded.
package protocol RecordingExport: Sendable {
    mutating func begin(_ segment: ExportSegment, _ output: inout [UInt8])
    /// Octets of the segment, from its first one on.
    mutating func take(_ octets: UnsafeRawBufferPointer, _ output: inout [UInt8])
    mutating func endSegment(_ output: inout [UInt8])
    /// After the last segment.
    mutating func finish(_ output: inout [UInt8])
    /// Nothing more is made once there is one.
    var failure: ExportFailure? { get }
}

extension RecordingExport {
    package var failure: ExportFailure? { nil }
}

/// Why a file cannot be made of what is stored.
package enum ExportFailure: Error, Sendable, Equatable {
    /// Pictures that would have to be decoded before the first one that is shown outgrow memory: of a recording that lies
    /// about its times.
    case tooMuchLead
}
