import Foundation
import HSSModel
import Store
import Testing

/// A form of the store that has to pass the contract.
enum Backend: String, CaseIterable, CustomTestStringConvertible {
    case sqlite

    /// PostgreSQL joins this list when its form is there; the contract stays as it is.
    static let available: [Backend] = [.sqlite]

    var testDescription: String { rawValue }

    /// Runs `body` on an empty store, and removes it afterwards.
    func withStore(_ body: (any PlatformStore) async throws -> Void) async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let store = try SQLiteStore(path: folder.path("vedette.db"), at: Sample.start)
        try await body(store)
        try store.close()
    }

    /// Runs `first` on an empty store, closes it, opens it again and runs `second`.
    func withRestart(
        _ first: (any PlatformStore) async throws -> Void,
        then second: (any PlatformStore) async throws -> Void
    ) async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("vedette.db")
        let before = try SQLiteStore(path: path, at: Sample.start)
        try await first(before)
        try before.close()
        let after = try SQLiteStore(path: path, at: Sample.start)
        try await second(after)
        try after.close()
    }
}

struct TemporaryFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString)")

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    func remove() { try? FileManager.default.removeItem(at: url) }
}

/// Rows to put into a store.
enum Sample {
    static let start = WallTime(milliseconds: 1_763_700_000_000)

    static func user(_ name: String, role: Role = .customer) -> StoredUser {
        StoredUser(
            name: UserName(unchecked: name),
            role: role,
            disabled: false,
            passwordHash: Secret("hash of \(name)"),
            createdAt: start
        )
    }

    static func device(_ id: String, mac: String? = nil, channels: Int = 1) -> StoredDevice {
        StoredDevice(
            unit: UnitID(unchecked: id),
            macIdentity: MACIdentity(unchecked: mac ?? "mac-\(id)"),
            name: "Camera \(id)",
            channels: Dictionary(
                uniqueKeysWithValues: (0..<channels).map { ($0, ChannelID(unchecked: "\(id)-\($0)")) }
            ),
            passwordHash: Secret("hash of \(id)"),
            createdAt: start
        )
    }

    static func session(
        _ family: String,
        of user: String,
        createdAfter age: Duration = .zero
    ) -> StoredSession {
        StoredSession(
            familyHash: family,
            user: UserName(unchecked: user),
            tokens: tokens(family, from: start + age),
            createdAt: start + age
        )
    }

    /// Access for 15 minutes, refresh for 30 days.
    static func tokens(_ text: String, from time: WallTime) -> StoredSession.Tokens {
        StoredSession.Tokens(
            refreshHash: "refresh \(text)",
            refreshExpiresAt: time + .seconds(30 * 86_400),
            accessHash: "access \(text)",
            accessExpiresAt: time + .seconds(900)
        )
    }
}
