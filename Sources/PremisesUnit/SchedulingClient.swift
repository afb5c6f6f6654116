import AsyncHTTPClient
import Foundation
import HSSModel
import NIOCore
import NIOHTTP1
import NIOSSL
import Vs

/// Asks Vs over HTTPS (§9.3.1). One for all units of the process, so that they share connections.
final class SchedulingClient: Sendable {
    /// Longer answers are not read to their end.
    private static let longestAnswer = 16 << 10
    private static let answerTime = TimeAmount.seconds(20)

    private let client: HTTPClient
    private let platform: String

    /// - Throws: ``UnitSetupError`` where `platform` is not `https://HOST[:PORT]` (or `http://…`).
    init(platform: String, trust: TLSConfiguration, group: any EventLoopGroup) throws(UnitSetupError) {
        self.platform = try Self.checked(platform: platform)
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: trust,
            // A redirection would send the identity of the hardware elsewhere.
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(10), read: .seconds(10))
        )
        configuration.httpVersion = .http1Only
        // The machine waits and tries again by the rules of §9.3.1.3, and tells why; so must nobody below it.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// Without the slash at its end.
    static func checked(platform: String) throws(UnitSetupError) -> String {
        guard let url = URL(string: platform), let scheme = url.scheme, ["http", "https"].contains(scheme),
            let host = url.host(), !host.isEmpty, url.path().isEmpty || url.path() == "/", url.query() == nil,
            url.user() == nil, url.fragment() == nil
        else { throw .option("platform", "expected https://HOST:PORT, found \(platform.prefix(256))") }
        return platform.hasSuffix("/") ? String(platform.dropLast()) : platform
    }

    /// The answer, or why there is none in words for a log; arrives on `loop`.
    func ask(
        _ request: SchedulingRequest,
        on loop: any EventLoop
    ) -> EventLoopFuture<Result<SchedulingAnswer, SchedulingProblem>> {
        let message: HTTPClient.Request
        do {
            message = try HTTPClient.Request(
                url: platform + request.target,
                headers: [
                    SchedulingRequest.headerName: request.macIdentity.rawValue, "Accept": "application/json",
                ]
            )
        } catch {
            return loop.makeSucceededFuture(.failure(SchedulingProblem("\(error)")))
        }
        return client.execute(
            request: message,
            delegate: ResponseAccumulator(request: message, maxBodySize: Self.longestAnswer),
            eventLoop: .delegate(on: loop),
            deadline: .now() + Self.answerTime
        ).futureResult.hop(to: loop).map(Self.read)
            .recover { .failure(SchedulingProblem(VdConnection.failure($0))) }
    }

    func shutdown() async {
        try? await client.shutdown()
    }

    private static func read(_ response: HTTPClient.Response) -> Result<SchedulingAnswer, SchedulingProblem> {
        let body = Data(response.body.map { Array($0.readableBytesView) } ?? [])
        guard response.status == .ok else {
            let info = (try? JSONDecoder().decode(SchedulingFailureBody.self, from: body))?.info ?? ""
            return .failure(SchedulingProblem("\(response.status.code) \(info)"))
        }
        do {
            return .success(try JSONDecoder().decode(SchedulingAnswer.self, from: body))
        } catch DecodingError.keyNotFound(let key, _) {
            return .failure(SchedulingProblem("the answer has no \(key.stringValue)"))
        } catch DecodingError.dataCorrupted(let context) {
            return .failure(SchedulingProblem("the answer is broken: \(context.debugDescription)"))
        } catch {
            return .failure(SchedulingProblem("the answer is broken"))
        }
    }
}

/// Why Vs named no server.
struct SchedulingProblem: Error, Sendable, CustomStringConvertible {
    let description: String

    /// Text from outside: one line of printable characters, shortened.
    init(_ text: String) {
        description = String(
            text.unicodeScalars.prefix(200).map { $0.value < 32 || $0.value == 127 ? " " : Character($0) }
        )
    }
}
