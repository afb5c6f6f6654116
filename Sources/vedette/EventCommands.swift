import ArgumentParser
import CustomerUnit
import FoundationEssentials
import Synchronization

extension CustomerCommand {
    struct Events: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follow what happens, until Ctrl-C.",
            discussion: "With --json each event is a line, as the platform tells it: docs/api.md, Events."
        )

        @Option(name: .long, help: "Of this device alone.") var device: String?
        @Option(name: .long, help: "Kinds of events, such as alarm,battery; without it all.")
        var kinds: String?
        @Option(
            name: .long,
            help: "Begin behind the event with this number; 0: with the oldest that is kept. Without it: now."
        )
        var after: Int64?
        @Option(name: .long, help: "End after so many events.") var count: Int?
        @OptionGroup var session: SessionOptions

        private struct Line: Decodable {
            var time: String
            var kind: String
            var deviceId: String
            var channel: Int?
        }

        func run() async throws {
            let query = [("device", device), ("kind", kinds)].compactMap { name, value in
                value.map { "\(name)=\($0)" }
            }
            let left = Atomic(count ?? .max)
            let isJSON = session.json
            guard left.load(ordering: .relaxed) > 0 else { return }
            try await session.withClient { client in
                try await client.events(after: after, query) { event throws(CustomerError) in
                    Terminal.printLine(isJSON ? event : Self.text(event))
                    return left.subtract(1, ordering: .relaxed).newValue > 0
                }
            }
        }

        private static func text(_ event: String) -> String {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            guard let line = try? decoder.decode(Line.self, from: Data(event.utf8)) else { return event }
            let place = line.deviceId + (line.channel.map { "/\($0)" } ?? "")
            let detail = event.firstRange(of: "\"detail\":").map { event[$0.upperBound...].dropLast() } ?? ""
            return "\(line.time)  \(place)  \(line.kind)  \(detail)"
        }
    }
}
