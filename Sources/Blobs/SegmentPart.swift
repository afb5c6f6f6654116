import Crypto
package import NIOCore
import Synchronization

/// One upload of one segment, on its way to its blob. It may break off and be continued by another one, which then has
/// its bytes; let go, nothing of it stays. Calls at once run one after the other.
package final class SegmentPart: Sendable {
    private struct State {
        /// Nil: closed while nobody sends.
        var file: Int32?
        var received: Int64
        var hash: SHA256
        /// In place, dropped or continued.
        var isOver = false
    }

    private let blob: BlobName
    private let owner: SegmentFiles
    private let size: Int64
    private let path: String
    private let state: Mutex<State>

    /// Owns `file`, which is the one at `path`.
    init(
        of blob: BlobName,
        in owner: SegmentFiles,
        size: Int64,
        path: String,
        file: Int32?,
        received: Int64 = 0,
        hash: SHA256 = SHA256()
    ) {
        self.blob = blob
        self.owner = owner
        self.size = size
        self.path = path
        state = Mutex(State(file: file, received: received, hash: hash))
    }

    deinit {
        state.withLock { drop(&$0) }
    }

    /// `tooLarge` beyond the announced size; nothing of these bytes is taken then.
    package func append(_ bytes: ByteBuffer) async throws(BlobError) {
        try await change { [self] (state) throws(BlobError) in
            guard Int64(bytes.readableBytes) <= size - state.received else { throw .tooLarge(limit: size) }
            try owner.files.write(bytes, to: try open(&state), at: state.received)
            bytes.withUnsafeReadableBytes { state.hash.update(bufferPointer: $0) }
            state.received += Int64(bytes.readableBytes)
        }
    }

    /// Nobody sends any more; what came stays for ``continued(as:)``. Thousands of broken uploads hold no file open.
    package func rest() async {
        try? await change { [self] (state) throws(BlobError) in
            if let file = state.file { owner.files.close(file) }
            state.file = nil
        }
    }

    /// Hands its bytes to another upload of the same blob. What is late for this one cannot touch them any more.
    package func continued(as attempt: UInt64) async throws(BlobError) -> SegmentPart {
        try await change { [self] (state) throws(BlobError) in
            let path = owner.part(of: blob, attempt)
            do throws(BlobError) { try owner.files.rename(self.path, to: path) } catch {
                // It may have happened all the same.
                owner.leave(path)
                throw error
            }
            state.isOver = true
            return SegmentPart(
                of: blob,
                in: owner,
                size: size,
                path: path,
                file: state.file,
                received: state.received,
                hash: state.hash
            )
        }
    }

    /// All bytes are on the disk. `incomplete` where some are missing.
    package func sync() async throws(BlobError) {
        try await change { [self] (state) throws(BlobError) in
            guard state.received == size else { throw .incomplete(expected: size, received: state.received) }
            try owner.files.sync(try open(&state))
        }
    }

    /// The upload becomes its blob; durable after ``SegmentFiles/syncFolder(of:)``. To be called once, after ``sync()``.
    /// Returns the SHA-256 of the bytes in lower-case hexadecimal, as they came.
    package func putInPlace() async throws(BlobError) -> String {
        try await change { [self] (state) throws(BlobError) in
            try owner.files.rename(path, to: owner.path(of: blob))
            if let file = state.file { owner.files.close(file) }
            state.isOver = true
            return state.hash.finalize().hexadecimal
        }
    }

    package func drop() async {
        try? await owner.threads.blocking { [self] in state.withLock { drop(&$0) } }
    }

    private func change<Value: Sendable>(
        _ body: @escaping @Sendable (inout State) throws(BlobError) -> Value
    ) async throws(BlobError) -> Value {
        try await owner.threads.blocking { [self] () throws(BlobError) in
            try state.withLock { (state) throws(BlobError) in
                guard !state.isOver else { throw .ended }
                return try body(&state)
            }
        }
    }

    private func open(_ state: inout State) throws(BlobError) -> Int32 {
        if let file = state.file { return file }
        guard let file = try owner.files.open(path, toWrite: true) else { throw .notFound(blob) }
        state.file = file
        return file
    }

    private func drop(_ state: inout State) {
        guard !state.isOver else { return }
        state.isOver = true
        if let file = state.file { owner.files.close(file) }
        do throws(BlobError) { try owner.files.remove(path) } catch { owner.leave(path) }
    }
}
