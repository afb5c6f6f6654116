import ArgumentParser
import Bus
import Foundation
import HSSModel
import Hummingbird
import Logging
import MediaDistribution
import SRTTransport
import ServerKit
import ServiceLifecycle
import UnixSignals
import Vm

/// `vedette-bench mdu`: the media server alone, with tickets for a load generator instead of a signalling server.
struct MediaServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mdu",
        abstract: "Run the media server alone and write tickets into files.",
        discussion: """
            FOLDER gets publish.txt, view.txt and http.txt with a line for each publisher or viewer: its stream ID and \
            passphrase, or its path. Publish tickets are good for 60 s.
            """
    )

    @Option(help: "UDP port.") var port: Int
    @Option(help: "TCP port of the viewers over HTTP; 0: none.") var httpPort = 0
    @Option(help: "Streams, each with a publisher.") var streams = 1
    @Option(help: "Viewers; they take the streams in turn.") var viewers = 0
    @Option(help: "Where the tickets go.") var folder: String
    @Flag(help: "AES-128 with a passphrase for each stream.") var encrypts = false

    func run() async throws {
        var settings = MediaSettings(key: Secret(UUID().uuidString + UUID().uuidString))
        settings.host = "127.0.0.1"
        settings.domain = "127.0.0.1"
        settings.port = port
        settings.encryption = encrypts ? .required : .off
        settings.limits.handshakesPerSecond = 10_000
        settings.limits.handshakeBurst = 10_000
        settings.limits.viewersPerStream = 5000
        let metrics = MetricRegistry()
        let logger = Logger(label: "mdu") { _ in SwiftLogNoOpLogHandler() }
        let media = try MediaService(settings, metrics: metrics, logger: logger)
        try await writeTickets(of: media)
        var services: [any Service] = [media]
        if httpPort != 0 {
            let router = Router(context: BasicRequestContext.self)
            media.addRoutes(to: router)
            let limits = ListenerLimits(connectionsPerAddress: 10_000)
            services.append(
                HTTPListener(
                    name: "http",
                    host: "127.0.0.1",
                    port: httpPort,
                    identity: nil,
                    limits: limits,
                    gate: ConnectionGate(limits: limits, listener: "http", metrics: metrics),
                    metrics: metrics,
                    responder: router.buildResponder(),
                    logger: logger
                )
            )
        }
        let group = ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm], logger: logger)
        FileHandle.standardOutput.write(Data("ready\n".utf8))
        try await group.run()
    }

    private func writeTickets(of media: MediaService) async throws {
        var publish: [String] = []
        for number in 0..<streams {
            let order = IngestOrder(
                stream: Self.stream(number),
                source: ChannelAddress(unit: UnitID(unchecked: "bench"), number: 0),
                epoch: Epoch(1),
                maxBitrate: 0
            )
            publish.append(try Self.line(of: try await media.openIngest(order).url))
        }
        var view: [String] = []
        var http: [String] = []
        for number in 0..<viewers {
            let play = try await media.play(
                Self.stream(number % streams),
                lease: LeaseID(unchecked: "l\(number)"),
                validFor: .seconds(600)
            )
            view.append(try Self.line(of: play.srt))
            let url = play.ts.reveal()
            http.append(url.firstRange(of: "/live/").map { String(url[$0.lowerBound...]) } ?? "")
        }
        for (name, lines) in [("publish", publish), ("view", view), ("http", http)] {
            let text = lines.joined(separator: "\n") + "\n"
            try text.write(toFile: "\(folder)/\(name).txt", atomically: true, encoding: .utf8)
        }
    }

    private static func stream(_ number: Int) -> StreamID { StreamID(unchecked: "c\(number)") }

    private static func line(of url: Secret) throws -> String {
        let address = try SRTAddress(parsing: url)
        return [address.streamID, address.passphrase?.reveal()].compactMap { $0 }.joined(separator: " ")
    }
}
