import ArgumentParser
import CustomerUnit
import FoundationEssentials
import HSSModel
import ServerKit

extension AdminCommand.Device {
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set how the platform treats a device, or one channel of it.",
            discussion: """
                --srt-latency is how long a lost packet may hold up what follows it: more for a camera behind a bad link, \
                less where every moment counts. It holds from the next push of the channel on.
                """
        )

        @Argument(help: "Device ID, or DEVICE/CHANNEL.") var device: ChannelArgument
        @Option(name: .long, help: "20ms to 8s, or 'default' for that of the configuration.")
        var srtLatency: LatencyArgument
        @OptionGroup var session: SessionOptions

        private struct Setting: Encodable {
            var latency: LatencyArgument

            private enum CodingKeys: String, CodingKey { case latency = "srt_latency_ms" }

            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                // `null` is to be said: what is left out stays as it is.
                try container.encode(latency.milliseconds, forKey: .latency)
            }
        }

        func run() async throws {
            let path =
                "/admin/devices/\(device.device)/channels"
                + (device.isWholeDevice ? "" : "/\(device.channel)")
            let body = try JSONEncoder().encode(Setting(latency: srtLatency))
            let answer: AdminDeviceAnswer = try await session.withClient {
                try await $0.call(.patch, path, json: body)
            }
            guard !session.json else { return try Terminal.printJSON(answer) }
            let value = srtLatency.milliseconds.map { "\($0) ms" } ?? "that of the configuration"
            print("SRT latency of \(device): \(value), from the next push on.")
        }
    }
}

/// `400ms`, `2s` or `default`.
struct LatencyArgument: ExpressibleByArgument {
    /// Nil: that of the configuration.
    let milliseconds: Int64?

    init?(argument: String) {
        guard argument != "default" else {
            milliseconds = nil
            return
        }
        guard let duration = Quantity.duration(argument),
            (.milliseconds(20)...(.seconds(8))).contains(duration)
        else { return nil }
        milliseconds = duration.wholeMilliseconds
    }
}
