import HSSModel
import NIOCore
import SRTTransport

/// An SRT port that takes the streams of one device and throws them away: it tells when MPEG-TS comes and when it ends.
/// Only used on its event loop.
final class CheckMedia {
    /// Streams at once; there are two at most while one takes over from the other.
    private static let mostStreams = 4
    private static let messagesPerLook = 1000
    private static let syncByte: UInt8 = 0x47

    private struct Stream {
        var id: StreamID
        var hasBegun = false
    }

    let port: Int
    private let listener: SRTListener
    private var streams: [SRTSocket: Stream] = [:]
    private var look: RepeatedTask?

    /// Whoever knows `passphrase` may push.
    init(host: String, _ passphrase: Secret) throws(SRTError) {
        var options = SRTOptions()
        options.latencyMilliseconds = 120
        let port = try UDPPort(host: host, port: 0)
        listener = try SRTListener(on: port, options: options, backlog: 8) { handshake in
            Self.stream(handshake.streamID) == nil
                ? .refuse(.badRequest) : .admit(passphrase: passphrase)
        }
        self.port = Int(listener.address.port)
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

    /// `#!::r=NAME,m=publish`, as the address that was handed out has it.
    private static func stream(_ text: String) -> StreamID? {
        guard text.hasPrefix("#!::r="), text.hasSuffix(",m=publish") else { return nil }
        return StreamID(rawValue: String(text.dropFirst(6).dropLast(10)))
    }

    private func collect(_ tell: (CheckMachine.Input) -> Void) {
        while let socket = listener.accept() {
            guard streams.count < Self.mostStreams, let id = Self.stream(socket.streamID) else {
                socket.close()
                continue
            }
            streams[socket] = Stream(id: id)
        }
        for (socket, stream) in streams {
            do throws(SRTError) {
                if try receive(socket), !stream.hasBegun {
                    streams[socket]?.hasBegun = true
                    tell(.streamBegan(stream.id))
                }
            } catch {
                socket.close()
                streams[socket] = nil
                tell(.streamEnded(stream.id))
            }
        }
    }

    /// True where MPEG-TS came. Throws when the peer is gone.
    private func receive(_ socket: SRTSocket) throws(SRTError) -> Bool {
        var buffer = [UInt8](repeating: 0, count: SRTSocket.longestMessage)
        var came = false
        for _ in 0..<Self.messagesPerLook {
            var outcome: Result<Int?, SRTError> = .success(nil)
            buffer.withUnsafeMutableBytes { bytes in
                do throws(SRTError) {
                    outcome = .success(try socket.receive(into: bytes)?.length)
                } catch {
                    outcome = .failure(error)
                }
            }
            guard let length = try outcome.get() else { break }
            came = came || (length >= 188 && buffer[0] == Self.syncByte)
        }
        return came
    }
}
