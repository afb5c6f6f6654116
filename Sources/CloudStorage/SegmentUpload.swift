import Blobs
import NIOCore
import Synchronization
import Vr

/// How the body of a `PUT` ended.
enum UploadEnd: Sendable, Equatable {
    /// This many bytes of it were written, all or some.
    case received(Int64)
    /// They could not be written.
    case spoiled(RecordStepFailure)
    /// More came than was announced.
    case tooLong
}

/// Moves the body of one `PUT` to its part, in pieces of ``piece`` bytes. The next is asked for when the one before it is
/// written: a slow disk slows its sender, and an upload never holds more than two pieces.
struct SegmentUpload {
    static let piece = 128 << 10

    private let range: UploadRange
    private let part: SegmentPart

    init(_ range: UploadRange, into part: SegmentPart) {
        self.range = range
        self.part = part
    }

    /// A connection that breaks, and a cancelled task, end it with what came so far.
    @concurrent
    func run<Body: AsyncSequence & Sendable>(_ body: Body) async -> UploadEnd
    where Body.Element == ByteBuffer {
        var waiting = ByteBuffer()
        var come: Int64 = 0
        var written: Int64 = 0
        do {
            for try await chunk in body {
                come += Int64(chunk.readableBytes)
                guard come <= range.count else { return .tooLong }
                waiting.writeImmutableBuffer(chunk)
                guard waiting.readableBytes >= Self.piece else { continue }
                try await part.append(waiting)
                written += Int64(waiting.readableBytes)
                waiting.clear()
            }
        } catch let error as BlobError {
            return .spoiled(RecordStepFailure(error))
        } catch {
            // The connection broke off; what came of it may be continued.
        }
        guard waiting.readableBytes > 0 else { return .received(written) }
        do {
            try await part.append(waiting)
            return .received(written + Int64(waiting.readableBytes))
        } catch {
            return .spoiled(RecordStepFailure(error))
        }
    }
}

/// Numbers uploads, so that none of this run has the name of another.
final class UploadNumbers: Sendable {
    private let last = Atomic<UInt64>(0)

    func next() -> UploadAttempt {
        UploadAttempt(last.wrappingAdd(1, ordering: .relaxed).newValue)
    }
}
