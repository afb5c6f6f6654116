import Bus
import CentreManagement
import HSSModel
import Testing

/// A refusal must not tell by its duration what was wrong.
@Suite("Duration of refusals", .serialized) struct AdmissionTimingTests {
    @Test func unknownWrongAndDisabledTakeAsLong() async throws {
        try await Centre.run { centre in
            // Reading 256 channels would show at once, if it were done before the password is known to be right.
            let devices = 10
            for number in 0..<devices {
                _ = try await centre.device("on\(number)", channels: 256)
                _ = try await centre.device("off\(number)", channels: 256)
                _ = try await centre.registry.setDevice("off\(number)", disabled: true, by: Centre.root)
            }
            var durations: [String: [Duration]] = [:]
            let clock = ContinuousClock()
            for attempt in 0..<150 {
                for kind in ["on", "off", "nobody"] {
                    // Fewer failures for each device and address than lead to a wait.
                    let login = UnitLogin(
                        "\(kind)\(attempt % devices)",
                        Secret("not the password"),
                        from: "\(kind) \(attempt)"
                    )
                    let duration = await clock.measure {
                        await #expect(throws: AdmissionError.refused) {
                            try await centre.registry.admit(login)
                        }
                    }
                    durations[kind, default: []].append(duration)
                }
            }
            let medians = durations.mapValues { $0.sorted()[$0.count / 2] }
            let shortest = try #require(medians.values.min())
            let longest = try #require(medians.values.max())
            #expect(longest / shortest < 2, "\(medians)")
        }
    }
}
