package import Bus
import Foundation
import HSSModel
import HTTPTypes
import HostClock
package import Hummingbird
package import Logging
package import ServerKit
package import Store
import Synchronization
package import Vs

/// The scheduling service: answers `GET /Vs/getServerAddr` (§9.3.1.1, Table I.1).
package final class SchedulingService: Sendable {
    package struct Settings: Sendable {
        /// Servers handed to units besides the signalling server; ``SchedulingAnswer/Server/none`` where there is none.
        package var peerToPeer: SchedulingAnswer.Server
        package var relay: SchedulingAnswer.Server
        /// Where units that sleep keep in touch; empty: nowhere.
        package var hibernationDomain = ""
        /// Serve the address that units in the field ask for, too.
        package var deployedNames = true
        /// Requests of one address, in the long run and at once.
        package var requestsPerSecond = 20.0
        package var burst = 100

        package init(peerToPeer: SchedulingAnswer.Server, relay: SchedulingAnswer.Server) {
            self.peerToPeer = peerToPeer
            self.relay = relay
        }
    }

    private static let addressesRemembered = 50_000
    private static let logInterval: Duration = .seconds(10)

    private let devices: any DeviceStore
    private let nodes: any NodeDirectory
    private let settings: Settings
    private let logger: Logger
    private let answered: Counter
    private let refused: [SchedulingFailure: Counter]
    private let scheduler = Mutex(Scheduler())
    private let lastLogged: Mutex<Instant?> = Mutex(nil)
    private let rates: Mutex<RateLimiter<NetworkPrefix>>

    package init(
        devices: any DeviceStore,
        nodes: any NodeDirectory,
        settings: Settings,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.devices = devices
        self.nodes = nodes
        self.settings = settings
        self.logger = logger
        func counter(_ outcome: String) -> Counter {
            metrics.counter(
                "vedette_vs_answers_total",
                "Answers of the scheduling service by outcome.",
                labels: [("outcome", outcome)]
            )
        }
        answered = counter("ok")
        refused = Dictionary(
            uniqueKeysWithValues: SchedulingFailure.allCases.map { ($0, counter($0.label)) }
        )
        rates = Mutex(
            RateLimiter(
                perSecond: settings.requestsPerSecond,
                burst: settings.burst,
                capacity: Self.addressesRemembered
            )
        )
    }

    /// `address` tells who asks, without the port, for the rate limit.
    package func addRoutes<Context: RequestContext>(
        to routes: some RouterMethods<Context>,
        address: @escaping @Sendable (Context) -> String
    ) {
        let paths =
            [SchedulingRequest.path] + (settings.deployedNames ? [SchedulingRequest.deployedPath] : [])
        for path in paths {
            routes.get(RouterPath(path)) { request, context in
                await self.respond(to: request, from: address(context))
            }
        }
    }

    private func respond(to request: Request, from address: String) async -> Response {
        let macids = request.uri.queryParameters.filter { $0.key == SchedulingRequest.queryName }
        var headers: [String] = []
        if let name = HTTPField.Name(SchedulingRequest.headerName) { headers = request.headers[values: name] }
        do {
            let answer = try await schedule(
                macids: macids.map { String($0.value) },
                headers: headers,
                from: NetworkPrefix(address)
            )
            answered.add()
            return try Self.json(answer, status: .ok)
        } catch {
            let failure = error as? SchedulingFailure ?? .registryAway
            refused[failure]?.add()
            let body = try? Self.json(
                SchedulingFailureBody(info: failure.info),
                status: .init(code: failure.status)
            )
            return body ?? Response(status: .internalServerError)
        }
    }

    /// The whole service without HTTP.
    package func schedule(
        macids: [String],
        headers: [String],
        from address: NetworkPrefix
    ) async throws(SchedulingFailure) -> SchedulingAnswer {
        guard rates.withLock({ $0.admit(address, at: .now) }) else { throw .tooManyRequests }
        let request = try SchedulingRequest(macids: macids, headers: headers)
        let device: StoredDevice?
        do {
            device = try await devices.device(macIdentity: request.macIdentity)
        } catch {
            if isTimeToLog() {
                logger.error("scheduling: the store failed", metadata: ["reason": "\(error)"])
            }
            throw .registryAway
        }
        guard let device, !device.disabled else { throw .unknownUnit }
        let candidates = await nodes.signallingNodes()
        let picked = scheduler.withLock { scheduler in
            var random = SystemRandomNumberGenerator()
            return scheduler.pick(for: device.unit, among: candidates, using: &random)
        }
        guard let node = picked else {
            if isTimeToLog() {
                logger.error(
                    "scheduling: no signalling node has room; add one or raise limits.units",
                    metadata: ["unit": "\(device.unit)", "nodes": "\(candidates.count)"]
                )
            }
            throw .noServer
        }
        return SchedulingAnswer(
            signalling: .init(domain: node.domain, port: node.plainPort),
            signallingSecurePort: node.securePort,
            peerToPeer: settings.peerToPeer,
            relay: settings.relay,
            hibernationDomain: settings.hibernationDomain,
            syncTime: .now,
            takesSignedLogin: LoginVerifier.takesSignatures(device.passwordHash)
        )
    }

    /// Thousands of units ask while something is wrong: each is counted, one line in a while is written.
    private func isTimeToLog() -> Bool {
        let now = Instant.now
        return lastLogged.withLock { last in
            if let last, now - last < Self.logInterval { return false }
            last = now
            return true
        }
    }

    private static func json(_ value: some Encodable, status: HTTPResponse.Status) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Response(
            status: status,
            headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(value)))
        )
    }
}

extension SchedulingFailure {
    /// The outcome as a label.
    fileprivate var label: String {
        switch self {
        case .missingIdentity: "missing_identity"
        case .repeatedIdentity: "repeated_identity"
        case .malformedIdentity: "malformed_identity"
        case .differentIdentities: "different_identities"
        case .unknownUnit: "unknown_unit"
        case .tooManyRequests: "too_many_requests"
        case .noServer: "no_server"
        case .registryAway: "registry_away"
        }
    }
}
