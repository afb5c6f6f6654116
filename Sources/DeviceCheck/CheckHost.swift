import HSSModel
import HostClock
import NIOCore
import NIOHTTP1
import NIOPosix
package import NIOSSL
import NIOWebSocket

/// Where a check listens.
package struct CheckAddress: Sendable {
    package var host = "0.0.0.0"
    /// 0: any that is free.
    package var port = 0
    /// The name under which the device reaches this host.
    package var domain: String
    /// Nil: HTTP and ws without TLS.
    package var trust: NIOSSLContext?
    /// An SRT port is opened beside it.
    package var hasMedia = true

    package init(domain: String, trust: NIOSSLContext?) {
        self.domain = domain
        self.trust = trust
    }
}

/// Why a check cannot begin.
package struct CheckError: Error, CustomStringConvertible {
    package let description: String
}

/// The sockets of a check: Vs, Vd, files and SRT for one device. Everything runs on one event loop.
package enum CheckHost {
    /// Connections at once; a device needs four.
    private static let mostConnections = 64

    /// Runs until every step is done or the task is cancelled; then the rest is told as not looked at. `ready` is told the
    /// address to give to the device.
    package static func run(
        _ settings: CheckSettings,
        at address: CheckAddress,
        ready: @Sendable (String) -> Void,
        tell: @escaping @Sendable (CheckFinding) -> Void
    ) async throws(CheckError) -> CheckReport {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let report = try await serve(settings, at: address, on: group, ready: ready, tell: tell)
            try? await group.shutdownGracefully()
            return report
        } catch {
            try? await group.shutdownGracefully()
            throw (error as? CheckError)
                ?? CheckError(description: "cannot listen on \(address.host):\(address.port): \(error)")
        }
    }

    private static func serve(
        _ settings: CheckSettings,
        at address: CheckAddress,
        on group: MultiThreadedEventLoopGroup,
        ready: @Sendable (String) -> Void,
        tell: @escaping @Sendable (CheckFinding) -> Void
    ) async throws -> CheckReport {
        let loop = group.any()
        let site = NIOLoopBoundBox<CheckSite?>.makeBoxSendingValue(nil, eventLoop: loop)
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let site = site.value, site.open < mostConnections else {
                        return channel.close(promise: nil)
                    }
                    try configure(channel, site, address.trust)
                }
            }
            .bind(host: address.host, port: address.port).get()
        let port = listener.localAddress?.port ?? 0
        let scheme = address.trust == nil ? "http" : "https"
        let done = loop.makePromise(of: CheckReport.self)
        let opened = loop.submit {
            var settings = settings
            settings.base = "\(scheme)://\(address.domain):\(port)/check/"
            settings.domain = address.domain
            let media =
                address.hasMedia
                ? try CheckMedia(host: address.host, settings.passphrase, ticket: settings.ticket) : nil
            settings.mediaPort = media?.port
            site.value = CheckSite(
                settings,
                signalling: (address.domain, port, address.trust != nil),
                media: media,
                on: loop,
                tell: tell,
                done: done
            )
        }
        do { try await opened.get() } catch {
            done.fail(error)
            try? await listener.close()
            throw error
        }
        ready("\(scheme)://\(address.domain):\(port)")
        let report = try await withTaskCancellationHandler {
            try await done.futureResult.get()
        } onCancel: {
            loop.execute { site.value?.interrupt() }
        }
        try? await listener.close()
        return report
    }

    private static func configure(_ channel: any Channel, _ site: CheckSite, _ trust: NIOSSLContext?) throws {
        site.open += 1
        let bound = NIOLoopBound(site, eventLoop: channel.eventLoop)
        channel.closeFuture.whenComplete { _ in bound.value.open -= 1 }
        let pipeline = channel.pipeline.syncOperations
        if let trust { try pipeline.addHandler(NIOSSLServerHandler(context: trust)) }
        try pipeline.addHandler(IdleStateHandler(allTimeout: site.idleTime))
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: CheckVdHandler.longestMessage,
            shouldUpgrade: { channel, head in
                let isAdmitted = (try? bound.value.login(head.uri).get()) != nil
                return channel.eventLoop.makeSucceededFuture(isAdmitted ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    let url = try bound.value.login(head.uri).get()
                    try channel.pipeline.syncOperations.addHandler(CheckVdHandler(bound.value, url))
                }
            }
        )
        let handler = CheckHTTPHandler(site)
        let http = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        try pipeline.configureHTTPServerPipeline(
            withServerUpgrade: (
                upgraders: [upgrader],
                completionHandler: { $0.pipeline.syncOperations.removeHandler(http.value, promise: nil) }
            )
        )
        try pipeline.addHandler(handler)
    }
}
