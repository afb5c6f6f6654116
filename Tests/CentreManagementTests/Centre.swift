import Bus
import CentreManagement
import Foundation
import HSSModel
import HostClock
import Logging
import ServerKit
import Store
import Testing

/// A registry on an empty store, with cheap password hashes and an operator `admin`.
struct Centre {
    static let operatorPassword = Secret("correct horse")
    static let root = Principal(user: UserName(unchecked: "admin"), role: .operator)
    static let cheap = PasswordHash.Cost(logN: 4, blockSize: 8, parallelism: 1)

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    let registry: Registry
    let store: SQLiteStore
    let metrics: MetricRegistry

    static func run(
        limits: Registry.Limits = .init(),
        hasher: PasswordHasher = PasswordHasher(cost: cheap),
        verifier: LoginVerifier = LoginVerifier(),
        _ body: (Centre) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "centre-\(UUID().uuidString)"
        )
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = try SQLiteStore(path: folder.appendingPathComponent("db").path, at: .now)
        let metrics = MetricRegistry()
        let registry = Registry(
            store: store,
            hasher: hasher,
            limits: limits,
            verifier: verifier,
            metrics: metrics,
            logger: logger
        )
        #expect(try await registry.ensureOperator(password: operatorPassword) == nil)
        try await body(Centre(registry: registry, store: store, metrics: metrics))
        try store.close()
    }

    /// Adds a customer and returns it as a caller.
    func customer(_ name: String, password: String = "password of customer") async throws -> Principal {
        let user = try await registry.addUser(
            name,
            password: Secret(password),
            role: .customer,
            by: Self.root
        )
        return Principal(user: user.name, role: user.role)
    }

    func device(_ id: String, mac: String? = nil, channels: Int = 1) async throws -> EnrolledDevice {
        try await registry.addDevice(
            NewDevice(
                deviceID: id,
                macID: mac ?? "mac-\(id)",
                loginPassword: nil,
                channels: channels,
                name: nil
            ),
            by: Self.root
        )
    }

    func bind(_ device: EnrolledDevice, to user: Principal) async throws {
        let code = try await registry.issueBindCode(for: user)
        let owner = try await registry.bind(device.device.unit, code: code.code.reveal())
        #expect(owner == user.user)
    }
}

extension UnitLogin {
    init(_ id: String, _ password: Secret, from address: String = "192.0.2.1") {
        self.init(
            loginCode: id,
            password: password,
            hardwareModel: "hw",
            firmwareModel: "fw",
            sdk: nil,
            reconnect: false,
            remoteAddress: address
        )
    }
}
