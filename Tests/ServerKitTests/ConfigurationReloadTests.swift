import HSSModel
import Logging
import ServerKit
import Testing

/// Issue 6, "hot reload of configuration and certificates".
@Suite("Reloading the configuration") struct ConfigurationReloadTests {
    private static func values(_ environment: [String: String] = [:]) throws -> ConfigurationValues {
        try ConfigurationValues(file: nil, environment: environment)
    }

    @Test func changesSayWhetherTheyAreAppliedOrWait() throws {
        let running = try Self.values()
        let new = try Self.values([
            "VEDETTE_LOG_LEVEL": "debug", "VEDETTE_HTTPS_PORT": "9443", "VEDETTE_LIVE_LINGER": "15000ms",
        ])
        let changes = ConfigurationReload.changes(from: running, to: new)
        // What is written in another way is the same.
        #expect(changes.map(\.key) == ["https.port", "log.level"])
        #expect(changes.map(\.effect) == [.restart, .applied])
        #expect(changes.last?.from == "info" && changes.last?.to == "debug")
        #expect(ConfigurationReload.changes(from: new, to: new).isEmpty)
    }

    @Test func whatWaitsForAStartIsToldAgain() throws {
        let new = try Self.values(["VEDETTE_LOG_LEVEL": "debug", "VEDETTE_HTTPS_PORT": "9443"])
        let running = try Self.values().applying(new)
        #expect(running["log.level"]?.text == "debug" && running["https.port"]?.text == "8443")
        #expect(ConfigurationReload.changes(from: running, to: new).map(\.key) == ["https.port"])
    }

    @Test func everyHotKeyIsAKey() {
        let keys = Set(ConfigurationTable.keys.map(\.path))
        #expect(ConfigurationReload.hotKeys.isSubset(of: keys))
    }

    @Test func aLoggerFollowsTheLevelOfTheProcessUnlessItHasItsOwn() {
        let level = LogLevel(.info)
        let handler = LineLogHandler(label: "a", level: .info, shared: level, format: .text) { _ in }
        var own = handler
        own.logLevel = .error
        level.current = .trace
        #expect(handler.logLevel == .trace && own.logLevel == .error)
        for value in Logger.Level.allCases {
            level.current = value
            #expect(handler.logLevel == value)
        }
    }

    @Test func ratesChangeAndWhatWasUsedStaysUsed() {
        var limiter = RateLimiter<Int>(perSecond: 1, burst: 2, capacity: 10)
        func admitted(_ key: Int, at milliseconds: Int64) -> Int {
            let now = Instant(nanoseconds: milliseconds * 1_000_000)
            return (0..<10).count { _ in limiter.admit(key, at: now) }
        }
        #expect(admitted(1, at: 0) == 2)
        limiter.set(perSecond: 10, burst: 5)
        #expect(admitted(1, at: 0) == 0)
        #expect(admitted(1, at: 200) == 2)
        #expect(admitted(2, at: 200) == 5)
    }
}
