import Blobs
import HSSModel
import NIOCore
import ServerKit
import Synchronization
import Testing
import Vr

@testable import CloudStorage

/// Every cell of the table of docs/design/recording.md over HTTP.
@Suite("The life of a segment over HTTP, §9.3.4.1, Tables I.3-1 to I.3-3") struct RecordTableTests {
    /// A file layer that cannot delete: clean-ups stay half done.
    private struct StickyFiles: FileCalls {
        private let host = HostFiles()

        func makeFolder(_ path: String, in parent: String) throws(BlobError) {
            try host.makeFolder(path, in: parent)
        }
        func create(_ path: String) throws(BlobError) -> Int32 { try host.create(path) }
        func open(_ path: String, toWrite: Bool) throws(BlobError) -> Int32? {
            try host.open(path, toWrite: toWrite)
        }
        func close(_ file: Int32) { host.close(file) }
        func allocate(_ file: Int32, _ size: Int64) throws(BlobError) { try host.allocate(file, size) }
        func write(_ bytes: ByteBuffer, to file: Int32, at offset: Int64) throws(BlobError) {
            try host.write(bytes, to: file, at: offset)
        }
        func read(_ file: Int32, at offset: Int64, count: Int) throws(BlobError) -> ByteBuffer {
            try host.read(file, at: offset, count: count)
        }
        func sync(_ file: Int32) throws(BlobError) { try host.sync(file) }
        func rename(_ path: String, to other: String) throws(BlobError) { try host.rename(path, to: other) }
        func remove(_ path: String) throws(BlobError) { throw .failed("EROFS") }
        func syncFolder(_ path: String) throws(BlobError) { try host.syncFolder(path) }
        func size(of path: String) throws(BlobError) -> Int64? { try host.size(of: path) }
        func names(in folder: String) throws(BlobError) -> [String] { try host.names(in: folder) }
        func freeSpace(_ folder: String) throws(BlobError) -> Int64 { try host.freeSpace(folder) }
    }

    private static let size = 4000
    private static let half = 1500
    private static let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 * 7) }

    private static let asked: [SegmentLifecycle.Event] = [
        .create, .createOther, .save, .fail, .put, .putRest, .putElsewhere,
    ]

    @Test(arguments: SegmentLifecycle.State.allCases) func eachRequestIsAnsweredAsTheTableSays(
        in state: SegmentLifecycle.State
    ) async throws {
        let bench = try await StorageBench(calls: StickyFiles())
        try await bench.serving { _, http, _ in
            for (number, event) in Self.asked.enumerated() {
                let client = TableClient(bench, port: http, StorageBench.name(number))
                let upload = try await client.bring(to: state)
                let verdict = SegmentLifecycle.verdict(on: event, in: state)
                let answer = try await client.ask(event)
                let (status, words) = Self.expected(verdict)
                #expect(answer.status == status, "\(event) in \(state): \(answer.body)")
                #expect(words.isEmpty || answer.body.contains(words), "\(event) in \(state): \(answer.body)")
                #expect(answer.headers["access-control-allow-origin"] == "*", "\(event) in \(state)")
                #expect(
                    answer.headers["content-type"] == "application/json; charset=utf-8",
                    "\(event) in \(state)"
                )
                upload?.finish()
            }
        }
    }

    /// Status, and what the body has to contain.
    private static func expected(_ verdict: SegmentLifecycle.Verdict) -> (Int, String) {
        switch verdict {
        case .begin, .answerPlace: (200, "\"uri\":\"http")
        case .answerUnwanted: (200, #"{"name":"","url":"","uri":""}"#)
        case .answerDone, .save, .drop: (200, "")
        // The whole segment comes with each `PUT` of this test: the upload is kept at once.
        case .receive, .displace, .keep: (200, "")
        case .refuseUnknown: (404, "there is no such segment")
        case .refuseDifferent: (409, "announced before")
        case .refuseIncomplete: (409, "bytes are there")
        case .refuseSaved: (409, "saved already")
        case .refuseOffset: (409, "go on at byte")
        case .refuseRemoved: (503, "being removed")
        case .nothing, .retain: (0, "not asked by a unit")
        }
    }

    /// One segment, by curl.
    private struct TableClient {
        let bench: StorageBench
        let port: Int
        let name: SegmentName
        /// Where it is put; made here, so that it is there in every state.
        let address: String

        init(_ bench: StorageBench, port: Int, _ name: SegmentName) {
            self.bench = bench
            self.port = port
            self.name = name
            address = UploadAddress(
                channel: StorageBench.channelID,
                session: StorageBench.session,
                segment: name,
                size: Int64(RecordTableTests.size),
                expiresAt: WallTime(milliseconds: .max / 2)
            ).url(at: "http://127.0.0.1:\(port)", key: bench.key).reveal()
        }

        private func post(_ body: String) async throws -> CurlAnswer {
            let target = try await bench.target
            return try await Curl.run(["--data", body, "http://127.0.0.1:\(port)\(target)"])
        }

        private func put(from offset: Int) async throws -> CurlAnswer {
            let bytes = RecordTableTests.bytes[offset...]
            let file = bench.folder + "/body-\(name)-\(offset)"
            try ByteFile.write(Array(bytes), to: file)
            let size = RecordTableTests.size
            let range = offset == 0 ? [] : ["-H", "Content-Range: bytes \(offset)-\(size - 1)/\(size)"]
            return try await Curl.run(range + ["-T", file, address])
        }

        /// - Returns: an upload that is held open, for `uploading`.
        func bring(to state: SegmentLifecycle.State) async throws -> HeldBody? {
            guard state != .absent else { return nil }
            _ = try await post(create(size: RecordTableTests.size))
            switch state {
            case .absent: break
            case .created:
                // A broken upload, so that there is a rest to put.
                _ = await upload(HeldBody.broken(Array(RecordTableTests.bytes.prefix(RecordTableTests.half))))
            case .uploading:
                let held = HeldBody(Array(RecordTableTests.bytes.prefix(RecordTableTests.half)))
                Task { await upload(held) }
                await held.isBeingRead()
                return held
            case .uploaded: _ = try await put(from: 0)
            case .saved:
                _ = try await put(from: 0)
                _ = try await post("op=save&name=\(name)")
            case .dropping:
                _ = try await put(from: 0)
                _ = try await post("op=fail&name=\(name)")
            }
            return nil
        }

        @discardableResult private func upload(_ body: HeldBody) async -> SegmentAnswer {
            await bench.storage.upload(
                to: String(address.dropFirst("http://127.0.0.1:\(port)".count)),
                range: nil,
                length: Int64(RecordTableTests.size),
                body
            )
        }

        private func create(size: Int) -> String {
            StorageBench.create(name, size: Int64(size), secure: false).body
        }

        func ask(_ event: SegmentLifecycle.Event) async throws -> CurlAnswer {
            switch event {
            case .create: try await post(create(size: RecordTableTests.size))
            case .createOther: try await post(create(size: RecordTableTests.size + 1))
            case .save: try await post("op=save&name=\(name)")
            case .fail: try await post("op=fail&name=\(name)")
            case .put: try await put(from: 0)
            case .putRest: try await put(from: RecordTableTests.half)
            case .putElsewhere: try await put(from: RecordTableTests.half + 1)
            case .complete, .broken, .expiry: try await post("op=none")
            }
        }
    }
}

/// A body that gives its first bytes, tells when they were asked for, and then waits.
final class HeldBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    struct AsyncIterator: AsyncIteratorProtocol {
        let body: HeldBody
        var isFirst = true

        mutating func next() async throws -> ByteBuffer? {
            if isFirst {
                isFirst = false
                return ByteBuffer(bytes: body.bytes)
            }
            body.reading.finish()
            for await _ in body.end {}
            return nil
        }
    }

    private let bytes: [UInt8]
    private let read: AsyncStream<Void>
    private let reading: AsyncStream<Void>.Continuation
    private let end: AsyncStream<Void>
    private let ending: AsyncStream<Void>.Continuation

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        (read, reading) = AsyncStream.makeStream()
        (end, ending) = AsyncStream.makeStream()
    }

    /// Ends after its bytes.
    static func broken(_ bytes: [UInt8]) -> HeldBody {
        let body = HeldBody(bytes)
        body.finish()
        return body
    }

    func isBeingRead() async {
        for await _ in read {}
    }

    func finish() { ending.finish() }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }
}
