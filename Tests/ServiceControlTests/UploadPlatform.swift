import AsyncHTTPClient
import Blobs
import Bus
import Foundation
import HSSModel
import HostClock
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServerKit
import ServiceControl
import Store
import Testing

/// Uploads over real sockets: desk, store and blobs as the platform has them, and an HTTP server before them.
final class UploadPlatform: Sendable {
    static let unit = UnitID(unchecked: "cam")
    static let picture: [UInt8] = [0xff, 0xd8, 0xff, 0xe0] + Array(repeating: 7, count: 1000)

    let store: SQLiteStore
    let blobs: FileBlobs
    let desk: UploadDesk
    let feed: EventFeed
    let metrics = MetricRegistry()
    let folder: String

    private init(_ folder: String, _ change: (inout UploadSettings) -> Void) throws {
        self.folder = folder
        store = try SQLiteStore(path: folder + "/db", at: .now)
        blobs = try FileBlobs(folder: folder + "/blobs")
        feed = EventFeed(store: store, metrics: metrics, logger: Logger(label: "test"))
        var settings = UploadSettings(
            secureAddress: "https://vedette.example:8443",
            pictureSize: 4096,
            logSize: 4096
        )
        change(&settings)
        desk = UploadDesk(
            settings: settings,
            key: try #require(UploadKey(Secret(String(repeating: "k", count: 32)))),
            store: store,
            blobs: blobs,
            feed: feed,
            metrics: metrics,
            logger: Logger(label: "test")
        )
    }

    /// Without the server.
    static func with(
        _ change: (inout UploadSettings) -> Void = { _ in },
        _ body: (UploadPlatform) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let platform = try UploadPlatform(folder, change)
        try await platform.store.add(
            StoredDevice(
                unit: unit,
                macIdentity: MACIdentity(unchecked: "00:11:22:33:44:55"),
                name: "Camera",
                channels: [0: ChannelID(unchecked: "cam-0"), 1: ChannelID(unchecked: "cam-1")],
                passwordHash: Secret("hash"),
                createdAt: .now
            )
        )
        try await body(platform)
        try platform.store.close()
    }

    /// `body` gets the port.
    static func serving(
        _ change: (inout UploadSettings) -> Void = { _ in },
        _ body: @escaping @Sendable (UploadPlatform, Int) async throws -> Void
    ) async throws {
        try await with(change) { platform in
            try await UploadServer.run(platform.desk) { port in try await body(platform, port) }
        }
    }

    func address(
        _ purpose: UploadPurpose = .snapshot,
        reference: String? = nil,
        https: Bool = true
    ) async throws -> UploadAddress {
        try await desk.address(for: purpose, of: Self.unit, channel: 0, reference: reference, https: https)
    }

    /// The address as a client at `port` would call it.
    static func local(_ address: UploadAddress, _ port: Int) throws -> String {
        let path = try #require(URL(string: address.url.reveal())?.path)
        return "http://127.0.0.1:\(port)\(path)"
    }

    /// Sends `body` with its length, or in chunks without.
    static func put(
        _ url: String,
        _ body: [UInt8],
        chunked: Bool = false,
        type: String? = "image/jpeg"
    ) async throws -> Int {
        var request = HTTPClientRequest(url: url)
        request.method = .PUT
        if let type { request.headers.add(name: "Content-Type", value: type) }
        if chunked {
            let pieces = stride(from: 0, to: body.count, by: 100).map {
                ByteBuffer(bytes: body[$0..<min($0 + 100, body.count)])
            }
            request.body = .stream(pieces.async, length: .unknown)
        } else {
            request.body = .bytes(body)
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        return Int(response.status.code)
    }

    var blobNames: [BlobName] {
        get async throws { try await blobs.list(.uploads, after: nil, limit: 100).map(\.name) }
    }
}

extension Array where Element == ByteBuffer {
    fileprivate var async: AsyncStream<ByteBuffer> {
        AsyncStream { continuation in
            for buffer in self { continuation.yield(buffer) }
            continuation.finish()
        }
    }
}

/// An HTTP server before one desk.
enum UploadServer {
    static func run(
        _ desk: UploadDesk,
        _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        let router = Router()
        router.add(middleware: ProblemMiddleware())
        desk.addRoutes(to: router) { _ in "192.0.2.1" }
        try await Application(router: router).test(.live) { client in
            try await body(try #require(client.port))
        }
    }
}

/// A socket that says exactly what the test wants.
struct PlainConnection {
    private let channel: any Channel

    static func open(port: Int) async throws -> PlainConnection {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        return PlainConnection(channel: try await bootstrap.connect(host: "127.0.0.1", port: port).get())
    }

    func send(_ bytes: some Sequence<UInt8>) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func close() async throws { try await channel.close() }
}

enum Files {
    /// Every file below `folder`.
    static func below(_ folder: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.filter { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(folder)/\(path)", isDirectory: &isFolder)
                && !isFolder.boolValue
        }
    }
}
