import NIOCore

/// What a stream sent since its last key frame, for viewers that come in the middle.
///
/// Bounded: a group that grows past the limit is dropped whole, because half a group shows nothing, and viewers wait
/// for the next key frame.
struct GroupOfPictures {
    private let limitInBytes: Int
    private(set) var batches: [ByteBuffer] = []
    private(set) var sizeInBytes = 0
    /// A key frame has begun and nothing has been dropped since.
    private(set) var isWhole = false

    init(limitInBytes: Int) {
        self.limitInBytes = limitInBytes
    }

    mutating func begin() {
        drop()
        isWhole = true
    }

    mutating func append(_ batch: ByteBuffer) {
        guard isWhole else { return }
        guard sizeInBytes + batch.readableBytes <= limitInBytes else { return drop() }
        batches.append(batch)
        sizeInBytes += batch.readableBytes
    }

    mutating func drop() {
        batches.removeAll()
        sizeInBytes = 0
        isWhole = false
    }
}
