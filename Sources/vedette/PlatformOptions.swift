import ArgumentParser
import CustomerUnit
import FoundationEssentials

/// Options of every command that speaks to a platform over a saved login.
struct SessionOptions: ParsableArguments {
    @Flag(name: .long, help: "Print JSON instead of text.") var json = false

    /// The client of the saved login. Renewed tokens are saved.
    func client() throws -> PlatformClient {
        let path = SessionFile.path(environment: ProcessInfo.processInfo.environment)
        let session = try SessionFile.load(from: path)
        return try PlatformClient(
            url: session.url,
            authority: session.authority,
            session: session,
            sharedAt: path
        ) {
            (renewed) throws(CustomerError) in try renewed.save(to: path)
        }
    }

    /// Runs `body` with a client and closes it in any case.
    func withClient<Result>(_ body: (PlatformClient) async throws -> Result) async throws -> Result {
        let client = try client()
        do {
            let result = try await body(client)
            await client.shutdown()
            return result
        } catch {
            await client.shutdown()
            throw error
        }
    }
}

/// `DEVICE[/CHANNEL]` of the command line; the channel is 0 where it is left out.
struct ChannelArgument: ExpressibleByArgument, CustomStringConvertible {
    let device: String
    let channel: Int
    /// No channel was named.
    let isWholeDevice: Bool

    init?(argument: String) {
        let parts = argument.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, !first.isEmpty else { return nil }
        guard parts.count == 1 || Int(parts[1]) != nil else { return nil }
        device = String(first)
        channel = parts.count == 1 ? 0 : Int(parts[1]) ?? 0
        isWholeDevice = parts.count == 1
    }

    /// As it was given.
    var description: String { isWholeDevice ? device : "\(device)/\(channel)" }

    var path: String { "/devices/\(device)/channels/\(channel)" }
}
