import NIOCore
import SRTTransport

/// What a stream sent since its last key frame, each octet under its place in the whole stream. A viewer is a place that
/// moves through it, at the end of what has come or, having come in the middle, on its way there.
///
/// It is whole from a key frame on. Bounded: a group of pictures that grows past the limit is not kept, because half a
/// group shows nothing, and who comes then waits for the next key frame. What is not whole is kept until everybody who
/// is at its end has been given it (``discard()``).
struct RecentMedia {
    /// 49 SRT messages: what a `ByteBuffer` of 64 KiB holds of them, whose storage is a power of two.
    static let chunkInBytes = 49 * SRTSocket.usualMessage

    private let limitInBytes: Int
    /// All but the last are full, and never written to again: viewers over HTTP share them.
    private(set) var chunks: [ByteBuffer] = []
    /// The place of the first octet that is kept.
    private(set) var start = 0
    /// The place behind the last one.
    private(set) var end = 0
    /// It begins with a key frame, and nothing has been dropped since.
    private(set) var isWhole = false

    init(limitInBytes: Int) {
        self.limitInBytes = limitInBytes
    }

    var sizeInBytes: Int { end - start }

    /// A key frame comes next.
    mutating func begin() {
        drop()
        isWhole = true
    }

    /// Takes whole transport stream packets.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if chunks.last.map({ $0.readableBytes == Self.chunkInBytes }) ?? true { addChunk() }
            let last = chunks.count - 1
            let room = Self.chunkInBytes - chunks[last].readableBytes
            chunks[last].writeBytes(UnsafeRawBufferPointer(rebasing: rest.prefix(room)))
            rest = rest.dropFirst(room)
        }
        end += bytes.count
        if sizeInBytes > limitInBytes { isWhole = false }
    }

    /// The first one grows with what comes: a small stream needs no more.
    private mutating func addChunk() {
        chunks.append(
            chunks.isEmpty ? ByteBuffer() : ByteBufferAllocator().buffer(capacity: Self.chunkInBytes)
        )
    }

    /// Forgets what need not be kept, now that everybody who is to have it has it.
    mutating func discard() {
        if !isWhole { drop() }
    }

    mutating func drop() {
        chunks.removeAll()
        start = end
        isWhole = false
    }

    /// One SRT message from `place` on, as long as one may be. Empty at the end and outside.
    func withMessage<Result>(at place: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard start..<end ~= place else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let (chunk, offset) = (place - start).quotientAndRemainder(dividingBy: Self.chunkInBytes)
        return chunks[chunk].withUnsafeReadableBytes { bytes in
            body(UnsafeRawBufferPointer(rebasing: bytes[offset...].prefix(SRTSocket.usualMessage)))
        }
    }
}
