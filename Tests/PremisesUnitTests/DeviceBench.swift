import Foundation
import HSSModel
import PremisesUnit
import TestSupport
import Testing
import Vd

/// One simulated unit on a real connection; the test is the platform, answers heartbeats and keeps what it hears.
final class DeviceBench {
    struct Upload {
        var path: String
        var type: String?
        var content: [UInt8]
    }

    struct Failure: Error {
        var text: String
    }

    let platform: FakePlatform
    private var incoming: AsyncStream<FakePlatform.Event>.Iterator
    private var connection: FakePlatform.Connection?
    private var lastSeq = 0
    private(set) var answers: [Int: RPCAnswer] = [:]
    private(set) var uploads: [Upload] = []
    private(set) var events: [RPCEvent] = []
    private(set) var alarms: [AlarmNotify] = []
    private(set) var heartbeats: [Keepalive] = []
    private(set) var logins: [String] = []
    /// What happened, in its order: answers by number, uploads and events by name.
    private(set) var order: [String] = []
    var pictureURL: Secret?

    init(_ platform: FakePlatform) {
        self.platform = platform
        incoming = platform.events.makeAsyncIterator()
    }

    func url(_ path: String) -> Secret { Secret("\(platform.address)\(path)") }

    /// `prepare` sets the unit up; `body` runs once it is logged in.
    static func run(
        channels: Int = 2,
        files: [String: [UInt8]] = [:],
        certificate: TestCertificate? = nil,
        prepare: (inout PremisesUnitOptions) -> Void = { _ in },
        _ body: (DeviceBench) async throws -> Void
    ) async throws {
        let platform = try await FakePlatform(certificate: certificate, files: files)
        var options = PremisesUnitOptions(
            platform: platform.address,
            units: try UnitFleetTests.credentials(),
            channels: channels,
            authorityFile: certificate?.certificatePath
        )
        options.device.installTime = .milliseconds(400)
        options.device.formatTime = .milliseconds(400)
        prepare(&options)
        let fleet = try UnitFleet(options) { _ in }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await fleet.run() }
            let bench = DeviceBench(platform)
            try await bench.until { !bench.heartbeats.isEmpty }
            try await body(bench)
            group.cancelAll()
        }
        await platform.shutdown()
    }

    /// Goes on until `isReached`.
    func until(_ isReached: () -> Bool) async throws {
        while !isReached() {
            guard let event = await incoming.next(isolation: #isolation) else {
                throw Failure(text: "the platform has ended")
            }
            take(event)
        }
    }

    private func take(_ event: FakePlatform.Event) {
        switch event {
        case .login(let uri, let connection):
            logins.append(uri)
            self.connection = connection
            lastSeq = 0
        case .upload(let path, let type, let content):
            uploads.append(Upload(path: path, type: type, content: content))
            order.append(path)
        case .message(.answer(let answer, let seq), _):
            answers[seq] = answer
            order.append("answer \(seq)")
        case .message(.event(let event), _):
            events.append(event)
            order.append(event.name)
        case .message(.request(let request, let seq), let connection):
            connection.send(.answer(.success(answer(request)), seq: seq))
        case .scheduling: order.append("scheduling")
        case .malformed, .closed: break
        }
    }

    private func answer(_ request: RPCRequest) -> JSONObject {
        switch request.method {
        case GetServerInfo.name: return ServerInfo(heartbeatSeconds: 1).object
        case Keepalive.name:
            if let heartbeat = try? Keepalive(request.parameters) { heartbeats.append(heartbeat) }
            return .empty
        case AlarmNotify.name:
            if let alarm = try? AlarmNotify(request.parameters) { alarms.append(alarm) }
            order.append(AlarmNotify.name)
            return AlarmAnswer(pictureURL: pictureURL).object
        default: return .empty
        }
    }

    // MARK: What the platform says

    func tell(_ event: some VdEvent) { connection?.send(.event(event.event)) }

    func tell(_ event: RPCEvent) { connection?.send(.event(event)) }

    @discardableResult func send(_ request: RPCRequest) -> Int {
        lastSeq += 1
        answers[lastSeq] = nil
        connection?.send(.request(request, seq: lastSeq))
        return lastSeq
    }

    func ask(_ request: RPCRequest) async throws -> RPCAnswer {
        let seq = send(request)
        try await until { answers[seq] != nil }
        return answers[seq] ?? .failure(.internalError("no answer"))
    }

    func ask<Request: VdRequest>(_ request: Request) async throws -> Request.Answer {
        switch try await ask(request.request) {
        case .success(let object): return try Request.Answer(object)
        case .failure(let failure): throw failure
        }
    }

    /// Asks again until the answer fits.
    func ask<Request: VdRequest>(_ request: Request, until isReached: (Request.Answer) -> Bool) async throws {
        while !isReached(try await ask(request)) {}
    }

    func code(_ request: RPCRequest) async throws -> Int {
        if case .failure(let failure) = try await ask(request) { failure.code } else { 200 }
    }
}

extension MediaFile {
    /// The brightness plane of a JPEG as FFmpeg decodes it, and its width.
    static func luma(ofJPEG bytes: [UInt8]) throws -> (luma: [UInt8], width: Int) {
        let file = try MediaFile(packets: bytes)
        let probed = try file.run(
            "ffprobe",
            "-v",
            "error",
            "-f",
            "jpeg_pipe",
            "-show_entries",
            "stream=width",
            "-of",
            "default=nk=1:nw=1",
            file.path
        )
        let text = String(decoding: probed.output, as: UTF8.self).trimmingCharacters(
            in: .whitespacesAndNewlines
        )
        let width = try #require(Int(text), "\(probed.errors)")
        let raw = try file.run(
            "ffmpeg",
            "-v",
            "error",
            "-f",
            "jpeg_pipe",
            "-i",
            file.path,
            "-pix_fmt",
            "gray",
            "-f",
            "rawvideo",
            "-"
        )
        return ([UInt8](raw.output), width)
    }
}
