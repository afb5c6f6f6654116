import ArgumentParser
import CustomerUnit
import HSSModel
import HostClock

extension CustomerCommand {
    struct Live: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Watch a camera: MPEG-TS, over HLS and WebSocket fragmented MP4, to a file or standard output.",
            discussion: """
                Shows it with ffplay:  vedette cu live cam-1 --player ffplay
                With another player:   vedette cu live cam-1 -o - | PLAYER -
                A stream that ends is asked for again until --duration is over.
                """
        )

        enum Transport: String, ExpressibleByArgument, CaseIterable {
            case srt, ts, hls, ws
        }

        /// Streams that end at once are not asked for without end.
        private static let mostRestarts = 10
        /// How long a picture that was there is waited for when it does not come back.
        private static let patience = Duration.seconds(90)

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Option(name: .long, help: "How the picture travels.") var `protocol` = Transport.ts
        @Option(name: .long, help: "The picture as it is sent, as every browser plays it, or small.")
        var rendition = Rendition.original
        @Option(name: .long, help: "Seconds to watch; without it until Ctrl-C.") var duration: Double?
        @Option(name: .shortAndLong, help: "File to write, - for standard output.") var output: String?
        @Option(name: .long, help: "Show it with this player of this machine.") var player: Player?
        @Flag(name: .long, help: "Print the play address only; it works in any player until it expires.")
        var url = false
        @OptionGroup var session: SessionOptions

        func validate() throws {
            guard [url, output != nil, player != nil].count(where: { $0 }) == 1 else {
                throw ValidationError("Give one of --url, -o FILE and --player.")
            }
            if let duration, !(duration > 0 && duration < 1e7) {
                throw ValidationError("--duration is a number of seconds above 0.")
            }
        }

        func run() async throws {
            try await session.withClient { client in
                if url {
                    let live = try await ask(client)
                    if session.json { return try Terminal.printJSON(live) }
                    let address =
                        switch `protocol` {
                        case .srt: live.play.srt
                        case .ts: live.play.ts
                        case .hls: live.play.hls
                        case .ws: live.play.ws
                        }
                    return print(address)
                }
                if let player {
                    return try await player.show { try await watch(client, PictureFile(pipe: $0)) }
                }
                let path = output ?? "-"
                let file = try PictureFile(path: path)
                defer { file.close() }
                let (bytes, restarts) = try await watch(client, file)
                if session.json && path != "-" {
                    try Terminal.printJSON(["bytes": bytes, "restarts": restarts])
                }
            }
        }

        /// What was written, and how often the stream began anew.
        @discardableResult
        private func watch(
            _ client: PlatformClient,
            _ file: PictureFile
        ) async throws -> (bytes: Int, restarts: Int) {
            let bytes = ByteCount()
            let deadline = duration.map { Instant.now + .milliseconds(Int64($0 * 1000)) }
            let player = LivePlayer(deadline: deadline) { (data) throws(CustomerError) in
                bytes.add(data.count)
                return try file.write(data)
            }
            var restarts = 0
            while true {
                let live = restarts == 0 ? try await ask(client) : try await askAgain(client, until: deadline)
                let end =
                    switch `protocol` {
                    case .ts: try await player.play(ts: Secret(live.play.ts), with: client)
                    case .srt: try await player.play(srt: Secret(live.play.srt))
                    case .hls: try await player.play(hls: Secret(live.play.hls), with: client)
                    case .ws: try await player.play(ws: Secret(live.play.ws), with: client)
                    }
                guard end == .streamEnded else { return (bytes.value, restarts) }
                restarts += 1
                guard restarts <= Self.mostRestarts else {
                    throw Failure("the stream of \(channel.device) ends again and again")
                }
                Terminal.printError("the stream ended; asking for it again")
            }
        }

        /// The unit or the platform may be on its way back.
        private func askAgain(_ client: PlatformClient, until deadline: Instant?) async throws -> LiveAnswer {
            let giveUp = min(deadline ?? .now + Self.patience, .now + Self.patience)
            while true {
                do {
                    return try await ask(client)
                } catch CustomerError.refused(status: 503...504, let detail) where .now < giveUp {
                    Terminal.printError("\(detail); trying again")
                } catch CustomerError.unreachable where .now < giveUp {
                    Terminal.printError("the platform cannot be reached; trying again")
                }
                try await Task.sleep(for: .seconds(2))
            }
        }

        private func ask(_ client: PlatformClient) async throws -> LiveAnswer {
            try await client.call(.post, channel.path + "/live", ["rendition": rendition.rawValue])
        }
    }
}

extension Rendition: ExpressibleByArgument {}
