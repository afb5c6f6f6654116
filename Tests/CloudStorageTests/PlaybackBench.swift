import Blobs
import Bus
import Foundation
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import ServerKit
import Store
import Synchronization
import TestSupport
import Testing
import Vr

@testable import CloudStorage

/// A desk over an index in memory and bytes in memory, with its routes on a server of its own.
final class PlaybackBench: PlaybackRights, KeyFramePictures {
    static let anna = UserName(unchecked: "anna")
    static let channel = ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 0)
    static let recorded = RecordedChannel(channel, owner: anna)
    /// An hour of some years ago.
    static let start = WallTime(milliseconds: 1_763_712_000_000)

    private struct State {
        var blobs: [SegmentBlob: [UInt8]] = [:]
        var mayPlay = true
        var questions = 0
        var pictures: [(coding: PictureCoding, bytes: Int)] = []
        var opened = 0
        var reads = 0
        /// Reads until the right to play is withdrawn.
        var withdrawsAfter: Int?
    }

    let store = PlaybackStore()
    let key: RecordKey
    private let state = Mutex(State())
    private let makesPictures: Bool

    init(makesPictures: Bool = true) throws {
        key = try #require(RecordKey(Secret("0123456789abcdef0123456789abcdef")))
        self.makesPictures = makesPictures
    }

    func desk(_ change: (inout PlaybackDesk.Settings) -> Void = { _ in }) -> PlaybackDesk {
        var settings = PlaybackDesk.Settings()
        change(&settings)
        return PlaybackDesk(
            segments: store,
            sessions: store,
            bytes: SegmentBytes { [self] blob throws(BlobError) in try open(blob) },
            key: key,
            rights: self,
            pictures: makesPictures ? self : nil,
            settings: settings,
            metrics: MetricRegistry(),
            logger: Logger(label: "test")
        )
    }

    // MARK: What is recorded

    @discardableResult func session(
        _ name: String = "s1",
        of recorded: RecordedChannel = PlaybackBench.recorded,
        begunAt: WallTime = PlaybackBench.start,
        endedAt: WallTime? = PlaybackBench.start,
        dropped: (Int, Duration) = (0, .zero)
    ) -> RecordSessionID {
        let id = RecordSessionID(unchecked: name)
        store.add(
            StoredRecordSession(
                id: id,
                recorded: recorded,
                channelID: ChannelID(unchecked: "cam-1-0"),
                begunAt: begunAt,
                endedAt: endedAt,
                droppedCount: dropped.0,
                droppedTime: dropped.1
            )
        )
        return id
    }

    /// A segment that begins `at` milliseconds behind ``start``.
    @discardableResult func segment(
        _ session: RecordSessionID,
        at offset: Int64,
        for duration: Int64,
        _ bytes: [UInt8] = [],
        discontinue: Bool? = false,
        from start: WallTime = PlaybackBench.start
    ) throws -> SegmentRow {
        let name = try #require(SegmentName(start: start + .milliseconds(offset)))
        let blob = SegmentBlob(unchecked: "b-\(session)-\(offset)")
        let row = SegmentRow(
            session: session,
            channel: ChannelID(unchecked: "cam-1-0"),
            name: name,
            duration: .milliseconds(duration),
            size: Int64(bytes.count),
            discontinue: discontinue,
            blob: blob,
            state: .saved
        )
        store.add(row)
        state.withLock { $0.blobs[blob] = bytes }
        return row
    }

    /// A clip as one session, its first segment at ``start``.
    func record(_ clip: SegmentedClip, from start: WallTime = PlaybackBench.start) throws {
        let session = session(begunAt: start, endedAt: start + .seconds(60))
        for (index, bytes) in clip.segments.enumerated() {
            let place = Int64(index) * clip.milliseconds
            try segment(
                session,
                at: place,
                for: clip.milliseconds,
                bytes,
                discontinue: index == 0,
                from: start
            )
        }
    }

    func lose(_ blob: SegmentBlob) { state.withLock { $0.blobs[blob] = nil } }

    private func open(_ blob: SegmentBlob) throws(BlobError) -> any BlobReader {
        let bytes = state.withLock { state in
            state.opened += 1
            return state.blobs[blob]
        }
        guard let bytes else { throw .failed("gone") }
        return MemoryReader(bytes: bytes, bench: self)
    }

    var opened: Int { state.withLock(\.opened) }
    var reads: Int { state.withLock(\.reads) }
    func withdraw(after reads: Int) { state.withLock { $0.withdrawsAfter = $0.reads + reads } }

    private func noteRead() {
        state.withLock { state in
            state.reads += 1
            if let most = state.withdrawsAfter, state.reads >= most { state.mayPlay = false }
        }
    }

    private struct MemoryReader: BlobReader {
        let bytes: [UInt8]
        let bench: PlaybackBench
        var size: Int64 { Int64(bytes.count) }

        func read(at offset: Int64, count: Int) async throws(BlobError) -> ByteBuffer {
            bench.noteRead()
            let end = min(Int(offset) + count, bytes.count)
            return ByteBuffer(bytes: bytes[min(Int(offset), end)..<end])
        }
    }

    // MARK: Rights and pictures

    var questions: Int { state.withLock(\.questions) }
    func allow(_ mayPlay: Bool) { state.withLock { $0.mayPlay = mayPlay } }

    func mayPlay(_ recorded: RecordedChannel, _ user: UserName) async throws(RecordingError) -> Bool {
        state.withLock { state in
            state.questions += 1
            return state.mayPlay && user == Self.anna && recorded.owner == Self.anna
        }
    }

    var pictures: [(coding: PictureCoding, bytes: Int)] { state.withLock(\.pictures) }

    func picture(
        ofKeyFrame bytes: [UInt8],
        _ coding: PictureCoding,
        takenAt: WallTime,
        width: Int?
    ) async throws(PictureError) -> Picture {
        state.withLock { $0.pictures.append((coding, bytes.count)) }
        return Picture(jpeg: [0xFF, 0xD8], width: width, takenAt: takenAt)
    }

    // MARK: Requests

    static func range(_ from: Int64, _ to: Int64) -> Range<WallTime> {
        (start + .milliseconds(from))..<(start + .milliseconds(to))
    }

    func ticket(
        _ desk: PlaybackDesk,
        _ range: Range<WallTime>,
        of recorded: RecordedChannel = PlaybackBench.recorded,
        for user: UserName = PlaybackBench.anna
    ) async throws -> String {
        try await desk.openPlayback(of: recorded, in: range, for: user).ticket.reveal()
    }

    /// Runs `body` with a client of the desk's routes; a `live` one has a port.
    func serve(
        _ desk: PlaybackDesk,
        live: Bool = false,
        isThere: @escaping @Sendable () -> Bool = { true },
        _ body: @escaping @Sendable (Client) async throws -> Void
    ) async throws {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: ProblemMiddleware())
        desk.addRoutes(to: router) { _ in isThere }
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: 0))
        )
        try await application.test(live ? .live : .router) { try await body(Client(client: $0)) }
    }

    struct Client: Sendable {
        struct Answer {
            var status: Int
            var headers: HTTPFields
            var bytes: [UInt8]
            var text: String { String(decoding: bytes, as: UTF8.self) }
        }

        let client: any TestClientProtocol

        var origin: String { "http://127.0.0.1:\(client.port ?? 0)" }

        func get(
            _ path: String,
            _ fields: HTTPFields = [:],
            method: HTTPRequest.Method = .get
        ) async throws -> Answer {
            try await client.execute(uri: path, method: method, headers: fields) { response in
                Answer(
                    status: response.status.code,
                    headers: response.headers,
                    bytes: Array(response.body.readableBytesView)
                )
            }
        }
    }

    static func address(_ file: String, _ ticket: String) -> String {
        "/api/v1/devices/cam-1/channels/0/\(file)?ticket=\(ticket)"
    }
}
