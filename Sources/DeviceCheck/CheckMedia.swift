import HSSModel
import MediaFormats
import NIOCore
import SRTTransport
import Synchronization
import Vm

/// An SRT port that takes the streams of one device and throws them away: it tells when MPEG-TS comes, what it shows of
/// itself, and when it ends. Only used on its event loop.
final class CheckMedia {
    /// Streams at once; there are two at most while one takes over from the other.
    private static let mostStreams = 4
    private static let messagesPerLook = 1000
    private static let syncByte: UInt8 = 0x47

    private struct Stream {
        let id: StreamID
        var scanner = TransportStreamScanner()
        var sight: StreamSight?
    }

    let port: Int
    private let listener: SRTListener
    private var streams: [SRTSocket: Stream] = [:]
    private let ticket: Secret
    private let caller = Caller()
    private var look: RepeatedTask?

    /// What became of the newest caller, in words; libsrt's thread writes it.
    private final class Caller: Sendable {
        let news = Mutex<String?>(nil)
    }

    /// Whoever knows passphrase and ticket may push.
    init(host: String, _ passphrase: Secret, ticket: Secret) throws(SRTError) {
        var options = SRTOptions()
        options.latencyMilliseconds = 120
        let port = try UDPPort(host: host, port: 0)
        let caller = caller
        listener = try SRTListener(on: port, options: options, backlog: 8) { handshake in
            guard Self.stream(handshake.streamID, ticket) != nil else {
                caller.news.withLock { $0 = "a caller came with another stream ID than that of the address" }
                return .refuse(.badRequest)
            }
            caller.news.withLock {
                $0 = "a caller came and did not get through: does it use the passphrase of the address?"
            }
            return .admit(passphrase: passphrase)
        }
        self.port = Int(listener.address.port)
        self.ticket = ticket
    }

    func start(on loop: any EventLoop, _ tell: @escaping @Sendable (CheckMachine.Input) -> Void) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let step = TimeAmount.milliseconds(20)
        look = loop.scheduleRepeatedTask(initialDelay: step, delay: step) { _ in bound.value.collect(tell) }
    }

    func stop() {
        look?.cancel()
        for socket in streams.keys { socket.close() }
        streams = [:]
        listener.close()
    }

    private static func stream(_ text: String, _ ticket: Secret) -> StreamID? {
        guard let access = StreamAccess(parsing: text), access.mode == .publish, access.ticket == ticket
        else { return nil }
        return access.stream
    }

    private func collect(_ tell: (CheckMachine.Input) -> Void) {
        let news = caller.news.withLock { $0.take() }
        if let news { tell(.mediaTrouble(news)) }
        while let socket = listener.accept() {
            guard streams.count < Self.mostStreams, let id = Self.stream(socket.streamID, ticket) else {
                socket.close()
                continue
            }
            streams[socket] = Stream(id: id)
            tell(.mediaTrouble("a caller is connected and sends no MPEG-TS"))
        }
        for (socket, stream) in streams {
            do throws(SRTError) {
                guard let sight = try receive(socket), sight != stream.sight else { continue }
                streams[socket]?.sight = sight
                if stream.sight == nil { tell(.streamBegan(stream.id)) }
                tell(.streamSeen(stream.id, sight))
            } catch {
                socket.close()
                streams[socket] = nil
                tell(.streamEnded(stream.id))
            }
        }
    }

    /// What the stream has shown until now; nil: no MPEG-TS yet. Throws when the peer is gone.
    private func receive(_ socket: SRTSocket) throws(SRTError) -> StreamSight? {
        guard var stream = streams.removeValue(forKey: socket) else { return nil }
        defer { streams[socket] = stream }
        var hasKeyFrame = stream.sight?.hasKeyFrame ?? false
        var buffer = [UInt8](repeating: 0, count: SRTSocket.longestMessage)
        for _ in 0..<Self.messagesPerLook {
            let outcome = buffer.withUnsafeMutableBytes { bytes -> Result<Bool, SRTError> in
                do throws(SRTError) {
                    guard let length = try socket.receive(into: bytes)?.length else { return .success(false) }
                    stream.scanner.scan(UnsafeRawBufferPointer(rebasing: bytes[..<length])) { run in
                        hasKeyFrame = hasKeyFrame || run.keyFrame != nil
                    }
                    return .success(true)
                } catch {
                    return .failure(error)
                }
            }
            guard try outcome.get() else { break }
        }
        return stream.scanner.packets > 0 ? StreamSight(stream.scanner, hasKeyFrame: hasKeyFrame) : nil
    }
}

extension StreamSight {
    fileprivate init(_ scanner: TransportStreamScanner, hasKeyFrame: Bool) {
        self.init(
            hasTables: scanner.hasTables,
            video: Self.name(scanner.video),
            hasKeyFrame: hasKeyFrame,
            hasClock: scanner.clockReference != nil
        )
    }

    private static func name(_ video: TransportStreamScanner.Video) -> String? {
        switch video {
        case .coded(.h264, _): "H.264"
        case .coded(.h265, _): "H.265"
        case .coded(.other, _), .unknown, .none: nil
        }
    }
}
