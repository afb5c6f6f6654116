import ArgumentParser
import CustomerUnit
import HSSModel

/// What a customer has a unit do.
extension CustomerCommand {
    struct PTZ: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ptz",
            abstract: "Turn or zoom a camera.",
            discussion: """
                OP is up, down, left, right, upleft, upright, downleft, downright, zoomin, zoomout (VALUE: speed, 0 \
                to 100), the same with _step (VALUE: step, 0 to 100), goto_preset, set_preset, clear_preset (VALUE: \
                preset, 0 to 255) or stop. A move without _step ends by itself after two seconds; --for repeats it as \
                long as you say and then stops.
                """
        )

        /// Well within the two seconds after which a move ends by itself.
        private static let repetition = Duration.seconds(1)

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Argument(help: "Operation.") var op: String
        @Argument(help: "Speed, step or preset.") var value: Int?
        @Option(name: .customLong("for"), help: "Seconds to go on moving, then stop.") var seconds: Double?
        @OptionGroup var session: SessionOptions

        func validate() throws {
            if let seconds, !(seconds > 0 && seconds <= 3600) {
                throw ValidationError("--for is a number of seconds, up to 3600.")
            }
        }

        func run() async throws {
            try await session.withClient { client in
                try await send(op, value, client)
                guard let seconds else { return }
                var rest = Duration.milliseconds(Int64(seconds * 1000))
                while rest > Self.repetition {
                    try await Task.sleep(for: Self.repetition)
                    rest -= Self.repetition
                    try await send(op, value, client)
                }
                try await Task.sleep(for: rest)
                try await send("stop", nil, client)
            }
            if !session.json { print("\(channel): \(op) sent.") }
        }

        private func send(_ op: String, _ value: Int?, _ client: PlatformClient) async throws {
            let _: PlatformClient.Nothing = try await client.call(
                .post,
                channel.path + "/ptz",
                sending: PTZRequest(op: op, value: value)
            )
        }
    }

    struct Play: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Play what a camera recorded, or let it play a file itself.",
            discussion: """
                With --from and --to: what it recorded, as MPEG-TS to -o (… -o - | ffplay -), or the address for any HLS \
                player with --address. Else a camera with a loudspeaker or screen plays URL; with neither URL nor option \
                it tells what plays now.
                """
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Argument(help: "File that the camera fetches, https://… or http://…") var url: String?
        @Flag(help: "What to do with the file that plays.") var control: Control?
        @Option(name: .long, help: "Where the recording begins, such as 2026-11-21T08:00:00Z.")
        var from: TimeArgument?
        @Option(name: .long, help: "Where the recording ends.") var to: TimeArgument?
        @Option(name: .shortAndLong, help: "File for the recording, - for standard output.")
        var output: String?
        @Flag(name: .long, help: "Print the address of the recording's playlist only.") var address = false
        @OptionGroup var session: SessionOptions

        enum Control: String, EnumerableFlag {
            case pause, resume, stop

            static func help(for value: Control) -> ArgumentHelp? {
                switch value {
                case .pause: "Pause the file that plays."
                case .resume: "Go on."
                case .stop: "Stop."
                }
            }
        }

        func validate() throws {
            guard url == nil || control == nil else {
                throw ValidationError("Give either a URL or --pause, --resume, --stop.")
            }
            guard (from == nil) == (to == nil), from != nil || (output == nil && !address) else {
                throw ValidationError("Give both --from and --to.")
            }
            guard from == nil || (url == nil && control == nil && (output == nil) == address) else {
                throw ValidationError("With --from and --to give either -o FILE or --address.")
            }
        }

        func run() async throws {
            try await session.withClient { client in
                if let from, let to { return try await playRecording(client, from, to) }
                if url != nil || control != nil {
                    let _: PlatformClient.Nothing = try await client.call(
                        .post,
                        channel.path + "/play",
                        sending: PlayRequest(url: url, op: control?.rawValue)
                    )
                    if !session.json { print("\(channel): sent.") }
                    return
                }
                let playing: PlayingAnswer = try await client.call(.get, channel.path + "/play")
                guard !session.json else { return try Terminal.printJSON(playing) }
                print("\(channel): \(playing.state)\(playing.url.map { " " + $0 } ?? "")")
            }
        }

        private func playRecording(
            _ client: PlatformClient,
            _ from: TimeArgument,
            _ to: TimeArgument
        ) async throws {
            let answer = try await RangeOptions.open(from.time..<to.time, client, channel)
            guard let output else {
                if session.json { return try Terminal.printJSON(answer) }
                return print(client.address(answer.hls))
            }
            let file = try PictureFile(path: output)
            defer { file.close() }
            _ = try await client.stream(answer.ts, into: file)
        }
    }

    struct KeepAwake: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "keep-awake",
            abstract: "Ask a battery camera to stay awake."
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Argument(help: "Seconds, 1 to 86400.") var seconds: Int
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.post, channel.path + "/keep-awake", sending: ["seconds": seconds])
            }
            if !session.json { print("\(channel) stays awake for \(seconds) s.") }
        }
    }

    struct Reboot: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reboot a device, or one channel of it.",
            discussion: "A device that cannot reboot one channel reboots itself."
        )

        @Argument(help: "DEVICE for all of it, DEVICE/CHANNEL for one channel.") var channel: ChannelArgument
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let path = channel.isWholeDevice ? "/devices/\(channel.device)" : channel.path
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.post, path + "/reboot")
            }
            if !session.json { print("\(channel) was told to reboot.") }
        }
    }

    struct Reschedule: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a device ask anew where to log in, and reconnect."
        )

        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.post, "/devices/\(device)/reschedule")
            }
            if !session.json { print("\(device) was told to go through scheduling again.") }
        }
    }

    struct FormatDisk: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "format-disk",
            abstract: "Erase the SD card of a device.",
            discussion: "The card is ready when 'vedette cu disk DEVICE' no longer says formatting."
        )

        @Argument(help: "Device ID.") var device: String
        @Flag(name: .long, help: "Yes, everything on the card is lost.") var yes = false
        @OptionGroup var session: SessionOptions

        func validate() throws {
            guard yes else { throw ValidationError("Everything on the card is lost: say --yes.") }
        }

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.post, "/devices/\(device)/format-disk")
            }
            if !session.json { print("\(device) formats its card.") }
        }
    }
}
