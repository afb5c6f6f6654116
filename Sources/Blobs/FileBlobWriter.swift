import Crypto
import Glibc
import HSSModel
import NIOCore
import NIOPosix
import Synchronization

/// One file on its way. Calls at once run one after the other, on the pool's threads.
final class FileBlobWriter: BlobWriter {
    private struct State {
        var received: Int64 = 0
        var hash = SHA256()
        var ended = false
    }

    private let file: Int32
    private let part: String
    private let path: String
    private let shard: String
    private let expected: Int64?
    private let limit: Int64
    private let threads: NIOThreadPool
    private let state = Mutex(State())

    /// Owns `file`, which is `part`; `path` is the name it will get, in the folder `shard`.
    init(
        file: Int32,
        part: String,
        path: String,
        shard: String,
        expected: Int64?,
        limit: Int64,
        threads: NIOThreadPool
    ) {
        self.file = file
        self.part = part
        self.path = path
        self.shard = shard
        self.expected = expected
        self.limit = limit
        self.threads = threads
    }

    deinit {
        state.withLock { drop(&$0) }
    }

    func append(_ bytes: ByteBuffer) async throws(BlobError) {
        try await threads.blocking { [self] () throws(BlobError) in
            try state.withLock { (state) throws(BlobError) in
                guard !state.ended else { throw .ended }
                let most = expected ?? limit
                guard Int64(bytes.readableBytes) <= most - state.received else {
                    throw .tooLarge(limit: most)
                }
                try FileSystem.write(bytes, to: file)
                bytes.withUnsafeReadableBytes { state.hash.update(bufferPointer: $0) }
                state.received += Int64(bytes.readableBytes)
            }
        }
    }

    func finish() async throws(BlobError) -> BlobReceipt {
        try await threads.blocking { [self] () throws(BlobError) in
            try state.withLock { (state) throws(BlobError) in
                guard !state.ended else { throw .ended }
                if let expected, state.received < expected {
                    throw .incomplete(expected: expected, received: state.received)
                }
                guard fdatasync(file) == 0, rename(part, path) == 0 else { throw FileSystem.error() }
                state.ended = true
                close(file)
                try FileSystem.sync(shard)
                return BlobReceipt(size: state.received, sha256: state.hash.finalize().hexadecimal)
            }
        }
    }

    func abandon() async {
        try? await threads.blocking { [self] in state.withLock { drop(&$0) } }
    }

    private func drop(_ state: inout State) {
        guard !state.ended else { return }
        state.ended = true
        close(file)
        unlink(part)
    }
}

final class FileBlobReader: BlobReader {
    let size: Int64
    private let file: Int32
    private let threads: NIOThreadPool

    /// Owns `file`.
    init(file: Int32, size: Int64, threads: NIOThreadPool) {
        self.file = file
        self.size = size
        self.threads = threads
    }

    deinit {
        close(file)
    }

    func read(at offset: Int64, count: Int) async throws(BlobError) -> ByteBuffer {
        let wanted = Int(min(Int64(count), max(0, size - offset)))
        guard wanted > 0, offset >= 0 else { return ByteBuffer() }
        return try await threads.blocking { [self] () throws(BlobError) in
            var buffer = ByteBufferAllocator().buffer(capacity: wanted)
            while buffer.readableBytes < wanted {
                let rest = wanted - buffer.readableBytes
                let place = offset + Int64(buffer.readableBytes)
                let got = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: rest) {
                    max(0, pread(file, $0.baseAddress, rest, off_t(place)))
                }
                // The file cannot shrink: nothing more is a failure of the disk.
                guard got > 0 else { throw FileSystem.error() }
            }
            return buffer
        }
    }
}
