import Foundation
import Testing

@testable import CloudStorage

/// The real storage and a real database on a disk that fails, forgets and dies (R1 to R3 and R8 of
/// docs/design/recording.md).
@Suite("Recordings over crashes, §9.3.4.1.3") struct PowerCutTests {
    /// Crashes that are simulated; `Tests/Scripts/kill-points` asks for 1,000.
    private static let wanted = Int(ProcessInfo.processInfo.environment["VEDETTE_TEST_CRASHES"] ?? "") ?? 120

    /// Power cuts and kills before and after any system call and any commit; full and failing disks; lost answers; requests
    /// that come twice, out of order and at once. What was acknowledged is there and whole after each crash and in the
    /// end, and nothing else is left: no row, no bytes, no upload.
    @Test func nothingAcknowledgedIsLostAndNothingElseIsLeft() async throws {
        let bench = try await StorageBench()
        var (crashes, saves, worlds) = (0, 0, 0)
        while crashes < Self.wanted, worlds < 40 + Self.wanted {
            worlds += 1
            let world = try await StormyWorld(bench.store, seed: UInt64(worlds))
            try await world.run(60)
            try await world.settle()
            crashes += world.crashes
            saves += world.acknowledged.count
        }
        // The world must be hostile, and something must come through all the same.
        #expect(
            crashes >= Self.wanted && saves >= worlds / 2,
            "\(crashes) crashes, \(saves) saves in \(worlds) worlds"
        )
    }
}
