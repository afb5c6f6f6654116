import CustomerUnit
import Foundation
import HSSModel

/// `GET /devices/{id}/status` of one unit after the other, at a constant rate: each goes to the unit and back, and each
/// answer tells whose it is.
actor StatusCalls {
    struct Outcome: Sendable {
        /// Of each call that the right unit answered.
        var seconds: [Double] = []
        /// How many ended in which way.
        var failures: [String: Int] = [:]
    }

    private struct Status: Codable, Sendable {
        var deviceId: String
        var macAddr: String?
    }

    private enum Result: Sendable {
        case answered(Double), failed(String), wrongOwner
    }

    private let client: PlatformClient
    private(set) var wrongOwners = 0
    private let prefix: String
    private let units: Int
    private let rate: Int
    private var next = 0

    init(_ client: PlatformClient, prefix: String, units: Int, rate: Int) {
        self.client = client
        self.prefix = prefix
        self.units = units
        self.rate = rate
    }

    /// Begins calls for so long, however long the answers take, and waits for all.
    func call(for time: Duration) async throws -> Outcome {
        let clock = ContinuousClock()
        let begin = clock.now
        let number = Int(time.inSeconds * Double(rate))
        var outcome = Outcome()
        try await withThrowingTaskGroup(of: Result.self) { group in
            for index in 0..<number {
                try await Task.sleep(until: begin + .seconds(1) * index / rate, clock: clock)
                // All over the fleet: a prime number of steps apart.
                next = (next + 7919) % units
                let (client, unit, device) = (client, next, "\(prefix)\(next)")
                group.addTask { await Self.ask(client, unit, device) }
            }
            for try await result in group {
                switch result {
                case .answered(let seconds): outcome.seconds.append(seconds)
                case .failed(let reason): outcome.failures[reason, default: 0] += 1
                case .wrongOwner: wrongOwners += 1
                }
            }
        }
        return outcome
    }

    private static func ask(_ client: PlatformClient, _ unit: Int, _ device: String) async -> Result {
        let clock = ContinuousClock()
        let begin = clock.now
        do throws(CustomerError) {
            let status: Status = try await client.call(.get, "/devices/\(device)/status")
            guard status.deviceId == device, status.macAddr == PlatformUnderTest.mac(unit) else {
                return .wrongOwner
            }
            return .answered((clock.now - begin).inSeconds)
        } catch {
            if case .refused(let status, _) = error { return .failed("HTTP \(status)") }
            return .failed("connection lost")
        }
    }
}
