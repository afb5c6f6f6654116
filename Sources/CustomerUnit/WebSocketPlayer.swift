import FoundationEssentials
package import HSSModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

extension LivePlayer {
    private typealias Frames = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    /// Watches over a WebSocket, picture by picture: its binary messages are a fragmented MP4 file.
    package func play(ws url: Secret, with client: PlatformClient) async throws(CustomerError) -> End {
        let frames = try await Self.open(url, trusting: try client.tls)
        do {
            return try await frames.executeThenClose { inbound, outbound in
                for try await frame in inbound {
                    guard !isOver else { return .finished }
                    switch frame.opcode {
                    case .binary:
                        guard try frame.unmaskedData.withUnsafeReadableBytes({ try sink($0) }) else {
                            return .finished
                        }
                    case .ping:
                        let data = frame.unmaskedData
                        try await outbound.write(
                            WebSocketFrame(fin: true, opcode: .pong, maskKey: .random(), data: data)
                        )
                    case .connectionClose: return .streamEnded
                    default: continue
                    }
                }
                return .streamEnded
            }
        } catch let error as CustomerError {
            throw error
        } catch {
            return .streamEnded
        }
    }

    private static func open(
        _ url: Secret,
        trusting tls: NIOSSLContext
    ) async throws(CustomerError) -> Frames {
        guard let address = URL(string: url.reveal()), let host = address.host(), let query = address.query()
        else { throw .unexpected("an address that is none") }
        let isSecure = address.scheme == "wss"
        let uri = "\(address.path())?\(query)"
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(10))
        do {
            let upgraded = try await bootstrap.connect(
                host: host,
                port: address.port ?? (isSecure ? 443 : 80)
            ) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if isSecure {
                        let isNumber = (try? SocketAddress(ipAddress: host, port: 0)) != nil
                        let handler = try NIOSSLClientHandler(
                            context: tls,
                            serverHostname: isNumber ? nil : host
                        )
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    return try Self.upgrade(channel, uri, host: host)
                }
            }
            // Nothing but an answer ends the wait, and the platform gives one within its time for a header.
            guard let frames = try await upgraded.get() else {
                throw CustomerError.stream("it does not open")
            }
            return frames
        } catch let error as CustomerError {
            throw error
        } catch {
            throw .unreachable(url: "\(address.scheme ?? "wss")://\(host)", "\(ConnectionProblem(error))")
        }
    }

    /// `nil`: the platform has refused.
    private static func upgrade(
        _ channel: any Channel,
        _ uri: String,
        host: String
    ) throws -> EventLoopFuture<Frames?> {
        // A message of the platform is one frame; the largest is a key frame.
        let upgrader = NIOTypedWebSocketClientUpgrader<Frames?>(maxFrameSize: 8 << 20) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel(wrappingChannelSynchronously: channel)
            }
        }
        let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: ["Host": host])
        let configuration = NIOTypedHTTPClientUpgradeConfiguration<Frames?>(
            upgradeRequestHead: request,
            upgraders: [upgrader],
            notUpgradingCompletionHandler: { channel in
                channel.close(promise: nil)
                return channel.eventLoop.makeSucceededFuture(nil)
            }
        )
        return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
            configuration: .init(upgradeConfiguration: configuration)
        )
    }
}
