package import HSSModel

/// `UpgradeFirmware` (Table I.2-7): asks a unit to fetch a firmware and install it.
package struct UpgradeFirmware: VdEvent {
    package static let name = "UpgradeFirmware"

    /// The version that the unit shall run.
    package var firmwareModel: String
    /// Where it lies; may carry a key.
    package var url: Secret

    package init(firmwareModel: String, url: Secret) {
        self.firmwareModel = firmwareModel
        self.url = url
    }

    package init(_ object: JSONObject) throws(FieldError) {
        firmwareModel = try object.string("firmware_model", 1...128)
        url = try object.url()
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("firmware_model", firmwareModel)
            $0.field("url", url.reveal())
        }
    }
}

/// `QueryUpgrade` (Table I.2-8): asks how far an installation is.
package struct QueryUpgrade: VdRequest, VdBare {
    package typealias Answer = UpgradeStatus
    package static let name = "QueryUpgrade"

    package init() {}
}

/// Where a unit stands with a new firmware.
package enum UpgradeState: String, Sendable, CaseIterable {
    case notStarted = "notstart"
    case downloading, installing, upgrading, done, error

    /// Units in the field write `donwloading`.
    fileprivate init?(wire text: String) {
        self.init(rawValue: text == "donwloading" ? "downloading" : text)
    }
}

/// The answer to ``QueryUpgrade``.
package struct UpgradeStatus: VdBody {
    package var state: UpgradeState
    /// Percent.
    package var progress: Int
    /// The version that runs now.
    package var firmwareModel: String

    package init(state: UpgradeState, progress: Int, firmwareModel: String) {
        self.state = state
        self.progress = progress
        self.firmwareModel = firmwareModel
    }

    package init(_ object: JSONObject) throws(FieldError) {
        guard let state = UpgradeState(wire: try object.string("upgrade_status", 1...64)) else {
            throw .expected("upgrade_status", UpgradeState.self)
        }
        self.state = state
        progress = try object.integer("progress", 0...100)
        firmwareModel = try object.string("firmware_model", 1...128)
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("upgrade_status", state.rawValue)
            $0.field("progress", progress)
            $0.field("firmware_model", firmwareModel)
        }
    }
}
