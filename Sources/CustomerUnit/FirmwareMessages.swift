// Answers of the API on firmware and roll-outs.

package struct FirmwareAnswer: Codable, Sendable {
    package var firmwareId: String
    package var hardwareModel: String
    package var version: String
    /// In bytes.
    package var size: Int64
    package var sha256: String
    package var addedAt: String
}

package struct RollOutAnswer: Codable, Sendable {
    package struct Counts: Codable, Sendable {
        package var waiting: Int
        package var updating: Int
        package var done: Int
        package var failed: Int
        package var missed: Int

        package var all: Int { waiting + updating + done + failed + missed }
    }

    package var rollOutId: String
    package var firmwareId: String?
    package var hardwareModel: String
    package var version: String
    package var phase: String
    package var counts: Counts
    package var opensAt: String
    package var closesAt: String
    package var spreadSeconds: Int
    package var mostAtOnce: Int
    package var errorLimit: Int
    package var errorSample: Int
    package var attempts: Int
    package var patienceSeconds: Int
    package var createdBy: String
    package var createdAt: String
    package var endedAt: String?
}

package struct RollOutUnitAnswer: Codable, Sendable {
    package var deviceId: String
    package var state: String
    package var attempts: Int?
    package var step: String?
    package var progress: Int?
    package var firmwareModel: String?
    package var reason: String?
    package var hold: String?
    package var holdsUntil: String?
    package var changedAt: String
}
