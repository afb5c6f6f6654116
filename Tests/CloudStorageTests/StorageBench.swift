import Blobs
import CloudStorage
import Foundation
import HSSModel
import HostClock
import Hummingbird
import Logging
import NIOCore
import ServerKit
import ServiceLifecycle
import Store
import TestSupport
import Vr

/// A storage on a real database and real files, with one enrolled channel.
final class StorageBench: Sendable {
    static let channel = ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 0)
    static let channelID = ChannelID(unchecked: "cam-1-channel-0")
    static let session = RecordSessionID(unchecked: "session-1")
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    let folder: String
    let store: SQLiteStore
    let files: SegmentFiles
    let blobs: FileBlobs
    let key: RecordKey
    let metrics = MetricRegistry()
    let storage: RecordStorage

    /// `settings` may change what is usual; `calls` puts other system calls under the files.
    init(
        calls: any FileCalls = HostFiles(),
        reserve: Int64 = 0,
        blobFolder: String? = nil,
        settings change: (inout RecordStorageSettings) -> Void = { _ in }
    ) async throws {
        folder = NSTemporaryDirectory() + "vedette-storage-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        store = try SQLiteStore(path: folder + "/vedette.sqlite", at: .now)
        let place = blobFolder ?? folder + "/blobs"
        blobs = try FileBlobs(folder: place)
        files = SegmentFiles(folder: place, reserve: reserve, files: calls)
        key = try Self.makeKey()
        var settings = RecordStorageSettings(
            origins: UploadOrigins(secure: "https://localhost:1", plain: "http://localhost:2")
        )
        change(&settings)
        storage = RecordStorage(
            settings: settings,
            key: key,
            stores: RecordStores(sessions: store, segments: store, devices: store, files: files),
            metrics: metrics,
            logger: Self.logger
        )
        try await Self.enrol(in: store)
        _ = try await storage.begin(Self.session, of: Self.channel)
        try await storage.start()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    static func makeKey() throws -> RecordKey {
        guard let key = RecordKey(Secret(String(repeating: "k", count: 44))) else { throw BenchError.noKey }
        return key
    }

    enum BenchError: Error { case noKey, noPort, wrongAnswer(String) }

    static func enrol(
        in store: SQLiteStore,
        _ channel: ChannelAddress = channel,
        _ id: ChannelID = channelID,
        mac: String = "001122334455"
    ) async throws {
        guard let identity = MACIdentity(rawValue: mac) else { throw BenchError.wrongAnswer(mac) }
        try await store.add(
            StoredDevice(
                unit: channel.unit,
                macIdentity: identity,
                name: "camera",
                channels: [channel.number: id],
                passwordHash: Secret("x"),
                createdAt: .now
            )
        )
    }

    /// Path and query of the Vr address of a session.
    var target: String {
        get async throws { try await target(of: Self.session) }
    }

    func target(of session: RecordSessionID) async throws -> String {
        let url = try await storage.address(of: session, secure: true).reveal()
        return String(url.dropFirst("https://localhost:1".count))
    }

    /// Starts lie an hour back, so that no clock is ahead.
    static let base = WallTime.now.milliseconds / 1000 * 1000 - 3_600_000

    static func name(_ number: Int) -> SegmentName {
        // In range by construction.
        SegmentName(start: WallTime(milliseconds: base + Int64(number) * 10_000)) ?? epoch
    }

    private static let epoch: SegmentName = {
        guard let name = SegmentName(start: WallTime(milliseconds: 0)) else {
            preconditionFailure("the epoch is a time")
        }
        return name
    }()

    static func create(
        _ name: SegmentName,
        size: Int64,
        confirming previous: String? = nil,
        secure: Bool = true
    ) -> SegmentRequest {
        .create(
            SegmentAnnouncement(size: size, start: name.start, duration: .seconds(10), discontinue: false),
            secure: secure,
            confirming: previous
        )
    }

    func ask(_ request: SegmentRequest) async throws -> SegmentAnswer {
        await storage.answer(to: try await target, Array(request.body.utf8))
    }

    /// Path and query of an upload, as `create` told it.
    func announce(_ name: SegmentName, size: Int64) async throws -> String {
        let answer = try await ask(Self.create(name, size: size))
        guard case .place(let place?) = answer else { throw BenchError.wrongAnswer("\(answer)") }
        return String(place.url.reveal().dropFirst("https://localhost:1".count))
    }

    func put(_ bytes: [UInt8], to target: String, range: String? = nil) async -> SegmentAnswer {
        await storage.upload(
            to: target,
            range: range,
            length: Int64(bytes.count),
            Body(pieces: [bytes])
        )
    }

    func row(_ name: SegmentName) async throws -> SegmentRow? {
        try await store.segments([name], of: Self.session).first
    }

    func bytes(of row: SegmentRow) async throws -> [UInt8] {
        guard let name = BlobName(.segments, key: row.blob.rawValue) else { return [] }
        let reader = try await blobs.open(name)
        return Array(try await reader.read(at: 0, count: Int(reader.size)).readableBytesView)
    }

    /// Every file of segments, in place or on its way.
    var segmentFiles: [String] {
        let area = folder + "/blobs/segments"
        let all = FileManager.default.enumerator(atPath: area)?.compactMap { $0 as? String } ?? []
        return all.filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(area)/\(name)", isDirectory: &isFolder)
                && !isFolder.boolValue
        }
    }

    // MARK: HTTP

    /// Serves over TLS and without while `body` runs.
    func serving(_ body: (_ https: Int, _ http: Int, _ authority: String) async throws -> Void) async throws {
        let identity = try ServerIdentity(
            .local(dataFolder: folder, domain: "localhost"),
            logger: Self.logger
        )
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: ProblemMiddleware())
        storage.addRoutes(to: router) { _ in "192.0.2.1" }
        let responder = router.buildResponder()
        let limits = ListenerLimits()
        let gate = ConnectionGate(limits: limits, listener: "test", metrics: metrics)
        let (ports, port) = AsyncStream.makeStream(of: (Bool, Int).self)
        let listeners = [true, false].map { isSecure in
            HTTPListener(
                name: isSecure ? "https" : "http",
                host: "127.0.0.1",
                port: 0,
                identity: isSecure ? identity : nil,
                limits: limits,
                gate: gate,
                metrics: metrics,
                responder: responder,
                logger: Self.logger
            ) { port.yield((isSecure, $0)) }
        }
        let group = ServiceGroup(services: listeners, logger: Self.logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var bound: [Bool: Int] = [:]
            for await (isSecure, number) in ports {
                bound[isSecure] = number
                if bound.count == 2 { break }
            }
            guard let https = bound[true], let http = bound[false] else { throw BenchError.noPort }
            try await body(https, http, folder + "/tls/ca.pem")
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }
}

/// A body that comes in pieces, and may end before its time.
struct Body: AsyncSequence, Sendable {
    struct AsyncIterator: AsyncIteratorProtocol {
        var rest: ArraySlice<[UInt8]>

        mutating func next() async throws -> ByteBuffer? {
            rest.popFirst().map { ByteBuffer(bytes: $0) }
        }
    }

    let pieces: [[UInt8]]

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(rest: pieces[...]) }
}

/// What curl saw.
struct CurlAnswer: Sendable {
    var status: Int
    var body: String
    /// Names in lower case.
    var headers: [String: String]
    /// Everything that it said of the exchange.
    var trace: String
}

enum Curl {
    /// On a thread of its own: waiting in a task would take a thread from the server under test.
    static func run(_ arguments: [String]) async throws -> CurlAnswer {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try runAndWait(arguments) }) }.start()
        }
    }

    private static func runAndWait(_ arguments: [String]) throws -> CurlAnswer {
        let body = NSTemporaryDirectory() + "curl-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: body) }
        let result = try MediaFile.run(
            ["curl", "-sv", "--max-time", "30", "-o", body, "-w", "%{http_code}"] + arguments
        )
        var headers: [String: String] = [:]
        for line in result.errors.split(whereSeparator: \.isNewline) where line.hasPrefix("< ") {
            let parts = line.dropFirst(2).split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        return CurlAnswer(
            status: Int(String(decoding: result.output, as: UTF8.self)) ?? 0,
            body: (try? String(contentsOfFile: body, encoding: .utf8)) ?? "",
            headers: headers,
            trace: result.errors
        )
    }
}

enum ByteFile {
    static func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    static func read(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
