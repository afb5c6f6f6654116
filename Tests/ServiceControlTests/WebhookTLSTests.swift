import Foundation
import Hummingbird
import Logging
import ServerKit
import ServiceControl
import ServiceLifecycle
import Synchronization
import Testing

/// Deliveries over TLS to a receiver on a socket of its own.
@Suite("Webhooks over TLS") struct WebhookTLSTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A receiver with a certificate for `receiver.example`, made by an authority of its own.
    private struct Receiver {
        let port: Int
        let authority: String
        let heard: @Sendable () -> [String]

        static func run(_ body: (Receiver) async throws -> Void) async throws {
            let folder = NSTemporaryDirectory() + "vedette-hook-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let authority = try certificate(folder)
            let source = try ServerIdentity.Source(
                certificate: authority,
                key: folder + "/key.pem",
                dataFolder: folder,
                domain: "receiver.example"
            )
            let identity = try ServerIdentity(source, logger: logger)
            let heard = Mutex<[String]>([])
            let router = Router()
            router.post("hook") { request, _ in
                let body = try await request.body.collect(upTo: 1000)
                heard.withLock { $0.append(String(buffer: body)) }
                return Response(status: .noContent)
            }
            let (ports, tell) = AsyncStream.makeStream(of: Int.self)
            let metrics = MetricRegistry()
            let listener = HTTPListener(
                name: "https",
                host: "127.0.0.1",
                port: 0,
                identity: identity,
                limits: ListenerLimits(),
                gate: ConnectionGate(limits: ListenerLimits(), listener: "https", metrics: metrics),
                metrics: metrics,
                responder: router.buildResponder(),
                logger: logger,
                onListening: { tell.yield($0) }
            )
            let group = ServiceGroup(services: [listener], logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                var first = ports.makeAsyncIterator()
                let port = try #require(await first.next())
                let receiver = Receiver(
                    port: port,
                    authority: authority,
                    heard: { heard.withLock { $0 } }
                )
                let outcome = await Result { try await body(receiver) }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
                try outcome.get()
            }
        }

        /// A certificate for its name only: one for 127.0.0.1 too would be good for whatever leads there.
        private static func certificate(_ folder: String) throws -> String {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let openssl = Process()
            openssl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            openssl.arguments = [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days", "1", "-subj", "/CN=receiver.example", "-addext",
                "subjectAltName=DNS:receiver.example", "-keyout", folder + "/key.pem", "-out",
                folder + "/certificate.pem",
            ]
            openssl.standardError = Pipe()
            try openssl.run()
            openssl.waitUntilExit()
            #expect(openssl.terminationStatus == 0)
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o600],
                ofItemAtPath: folder + "/key.pem"
            )
            return folder + "/certificate.pem"
        }

        /// Tells it `body` as `host`, which stands for this machine.
        func deliver(_ body: String, as host: String, trusting file: String?) async throws -> WebhookOutcome {
            var settings = WebhookSettings(allowsPrivate: true)
            if let file { settings.authorities = try WebhookClient.authorities(file: file) }
            let client = WebhookClient(settings: settings) { _, _ in "127.0.0.1" }
            let url = "https://\(host):\(port)/hook"
            return await client.deliver(Array(body.utf8), to: url, headers: []).outcome
        }
    }

    @Test func theOperatorsAuthorityIsTrustedAndNoOther() async throws {
        try await Receiver.run { receiver in
            let unreachable = WebhookOutcome.failed("the receiver's certificate is not trusted")
            #expect(try await receiver.deliver("1", as: "receiver.example", trusting: nil) == unreachable)
            let own = receiver.authority
            #expect(try await receiver.deliver("2", as: "receiver.example", trusting: own) == .delivered)
            // The right authority, but the certificate is somebody else's.
            let stranger = try await receiver.deliver("3", as: "other.example", trusting: own)
            #expect(stranger != .delivered)
            try await Receiver.run { other in
                let host = "receiver.example"
                let outcome = try await receiver.deliver("4", as: host, trusting: other.authority)
                #expect(outcome == unreachable)
            }
            #expect(receiver.heard() == ["2"], "nothing is told to whom nobody knows")
        }
    }

    @Test func aFileWithoutCertificatesIsNamed() throws {
        let file = NSTemporaryDirectory() + "vedette-ca-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "no certificate".write(toFile: file, atomically: true, encoding: .utf8)
        for path in [file, file + "-gone"] {
            let error = ServerError.unusable(
                what: "webhooks.ca",
                path: path,
                reason: "it holds no PEM certificates"
            )
            #expect(throws: error) { try WebhookClient.authorities(file: path) }
        }
    }
}
