import DeviceCheck
import HSSModel
import PremisesUnit
import Testing

@Suite("The check on a real network", .timeLimit(.minutes(3)), .serialized) struct CheckHostTests {
    /// Checks the simulated unit of `vedette pu run` over ws, with its pictures over SRT.
    private static func check(
        faults: FaultPlan = FaultPlan(),
        only: Set<String> = [],
        password: Secret? = nil
    ) async throws -> CheckReport {
        var settings = try CheckMachineTests.settings()
        settings.duration = .seconds(3)
        settings.heartbeatSeconds = 1
        settings.patience = .seconds(30)
        settings.only = only
        var address = CheckAddress(domain: "localhost", trust: nil)
        address.host = "127.0.0.1"
        let (ready, tell) = AsyncStream<String>.makeStream()
        let units = try UnitCredentials.numbered(
            device: settings.device.rawValue,
            macIdentity: settings.macIdentity.rawValue,
            password: password ?? settings.password,
            count: 1
        )
        return try await withThrowingTaskGroup(of: CheckReport?.self) { group in
            let chosen = (settings, address)
            group.addTask {
                try await CheckHost.run(chosen.0, at: chosen.1) {
                    tell.yield($0)
                } tell: { _ in
                }
            }
            group.addTask {
                for await platform in ready {
                    let options = PremisesUnitOptions(
                        platform: platform,
                        units: units,
                        faults: faults,
                        seed: 7
                    )
                    try await UnitFleet(options) { _ in }.run()
                }
                return nil
            }
            var report: CheckReport?
            while report == nil, let result = try await group.next() { report = result }
            group.cancelAll()
            return try #require(report)
        }
    }

    @Test func ourOwnUnitConforms() async throws {
        let report = try await Self.check()
        let failures = CheckMachineTests.failures(report)
        #expect(failures.isEmpty, "\(failures.map { "\($0.clause) \($0.rule): \($0.verdict)" })")
        #expect(report.conforms && report.passed >= 30)
    }

    @Test(arguments: [("mute", "I.2-1"), ("garbage", "§9.3.2.1"), ("refuse-live=12", "I.2-12")])
    func aFaultyUnitFails(fault: String, clause: String) async throws {
        var faults = FaultPlan()
        try faults.add(fault)
        let report = try await Self.check(faults: faults, only: [clause])
        #expect(CheckMachineTests.failures(report).contains { $0.clause == clause })
        #expect(!report.conforms)
    }

    @Test func aWrongPasswordFailsTheLogin() async throws {
        let report = try await Self.check(only: ["Table 9-3"], password: Secret("wrong"))
        let failures = CheckMachineTests.failures(report)
        #expect(failures.first?.verdict == .failed("login_passwd: not the password that was given"))
    }
}
