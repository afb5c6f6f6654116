import AsyncHTTPClient
import Dispatch
import Glibc
package import HSSModel
import HostClock
import NIOCore
import SRTTransport
import Synchronization
import Vm

/// Where a picture goes. Returns false when the reader has gone: the end of watching, not a failure.
package typealias PictureSink = @Sendable (UnsafeRawBufferPointer) throws(CustomerError) -> Bool

/// Watches one live stream and hands its pictures on: MPEG-TS, over HLS and WebSocket a fragmented MP4 file.
package struct LivePlayer: Sendable {
    package enum End: Sendable, Equatable {
        /// The time that was asked for has passed, or the reader has gone.
        case finished
        /// The stream ended by itself; it may be asked for again.
        case streamEnded
    }

    let sink: PictureSink
    /// When to stop; nil: never.
    private let deadline: Instant?

    package init(deadline: Instant?, sink: @escaping PictureSink) {
        self.deadline = deadline
        self.sink = sink
    }

    var isOver: Bool { deadline.map { Instant.now >= $0 } ?? false }

    /// Watches over HTTPS.
    package func play(ts url: Secret, with client: PlatformClient) async throws(CustomerError) -> End {
        let body = try await client.open(url: url.reveal())
        do {
            for try await buffer in body {
                guard try buffer.withUnsafeReadableBytes({ try sink($0) }), !isOver else { return .finished }
            }
        } catch let error as CustomerError {
            throw error
        } catch {
            return .streamEnded
        }
        return .streamEnded
    }

    /// Watches over SRT, on a thread of its own: libsrt blocks.
    package func play(srt url: Secret) async throws(CustomerError) -> End {
        let cancelled = Flag()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<End, CustomerError>, Never>) in
                DispatchQueue(label: "vedette.live-player").async {
                    continuation.resume(
                        returning: Result { () throws(CustomerError) in try receive(url, cancelled) }
                    )
                }
            }
        } onCancel: {
            cancelled.set()
        }
        return try result.get()
    }

    private func receive(_ url: Secret, _ cancelled: Flag) throws(CustomerError) -> End {
        let socket: SRTSocket
        do { socket = try Self.connect(try SRTAddress(parsing: url)) } catch { throw .stream("\(error)") }
        defer { socket.close() }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: SRTSocket.longestMessage, alignment: 1)
        defer { buffer.deallocate() }
        while !cancelled.isSet, !isOver {
            let length: Int
            do {
                guard let message = try socket.receive(into: buffer) else { continue }
                length = message.length
            } catch {
                return .streamEnded
            }
            guard try sink(UnsafeRawBufferPointer(rebasing: buffer[..<length])) else { return .finished }
        }
        return .finished
    }
}

extension LivePlayer {
    /// Tries every address of the host's name in turn.
    private static func connect(_ address: SRTAddress) throws -> SRTSocket {
        var options = SRTOptions(address)
        options.waits = true
        var lastError: SRTError?
        for candidate in try NetworkAddress.resolve(host: address.host, port: address.port) {
            let socket = try SRTSocket(options)
            do {
                try socket.connect(to: candidate)
                return socket
            } catch {
                socket.close()
                lastError = error
            }
        }
        if let lastError { throw lastError }
        throw CustomerError.stream("\(address.host) has no address")
    }
}

/// Set once, read from another thread.
private final class Flag: Sendable {
    private let value = Atomic(false)

    func set() { value.store(true, ordering: .relaxed) }
    var isSet: Bool { value.load(ordering: .relaxed) }
}
