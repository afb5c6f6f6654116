/// `DevStatus` (Table I.2-11): asks a unit about itself and its network.
package struct DevStatus: VdRequest, VdBare {
    package typealias Answer = DeviceStatus
    package static let name = "DevStatus"

    package init() {}
}

/// The answer to ``DevStatus``.
package struct DeviceStatus: VdBody {
    /// The first three are empty where a unit broke their rules.
    package var deviceID: String
    package var hardwareModel: String
    package var firmwareModel: String
    /// In the unit's zone; nil: never upgraded.
    package var lastUpgrade: UnitDateTime?
    /// Nil: no Wi-Fi.
    package var wifiSSID: String?
    /// 0 to 100.
    package var wifiSignal: Int?
    /// Measured, bit/s.
    package var upBandwidth: Int?
    package var downBandwidth: Int?
    /// Of the local network.
    package var address: String?
    package var macAddress: String?
    /// Percent; nil: no battery.
    package var battery: Int?

    package init(
        deviceID: String,
        hardwareModel: String,
        firmwareModel: String,
        lastUpgrade: UnitDateTime?,
        wifiSSID: String? = nil,
        wifiSignal: Int? = nil,
        upBandwidth: Int? = nil,
        downBandwidth: Int? = nil,
        address: String? = nil,
        macAddress: String? = nil,
        battery: Int? = nil
    ) {
        self.deviceID = deviceID
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.lastUpgrade = lastUpgrade
        self.wifiSSID = wifiSSID
        self.wifiSignal = wifiSignal
        self.upBandwidth = upBandwidth
        self.downBandwidth = downBandwidth
        self.address = address
        self.macAddress = macAddress
        self.battery = battery
    }

    package init(_ object: JSONObject) throws(FieldError) {
        var flaws = Flaws.refused
        try self.init(reported: object, &flaws)
    }

    package init(reported object: JSONObject, _ flaws: inout Flaws) throws(FieldError) {
        func text(_ name: String, _ most: Int) throws(FieldError) -> String? {
            try flaws.read { () throws(FieldError) in try object.optionalText(name, most: most) }
        }
        func number(_ name: String, _ range: ClosedRange<Int>) throws(FieldError) -> Int? {
            try flaws.read { () throws(FieldError) in try object.optionalInteger(name, range) }
        }
        func demanded(_ name: String, _ length: ClosedRange<Int>) throws(FieldError) -> String? {
            try flaws.read { () throws(FieldError) in try object.string(name, length) }
        }
        let names = [
            try demanded("dev_id", 1...64), try demanded("hardware_model", 1...128),
            try demanded("firmware_model", 1...128),
        ]
        guard names.contains(where: { $0 != nil }) else { throw FieldError("dev_id", "required") }
        (deviceID, hardwareModel, firmwareModel) = (names[0] ?? "", names[1] ?? "", names[2] ?? "")
        // The table demands the field; a unit that still runs what it came with has nothing to put there.
        lastUpgrade = try flaws.read { () throws(FieldError) in
            try object.string("last_upgrade_datetime", 0...64).isEmpty
                ? nil : try object.dateTime("last_upgrade_datetime")
        }
        wifiSSID = try text("wifi_ssid", 128)
        wifiSignal = try number("wifi_signal", 0...100)
        upBandwidth = try number("up_bandwidth", JSONObject.counts)
        downBandwidth = try number("down_bandwidth", JSONObject.counts)
        address = try text("ip_addr", 64)
        macAddress = try text("mac_addr", 64)
        battery = try number("battery", 0...100)
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("dev_id", deviceID)
            $0.field("hardware_model", hardwareModel)
            $0.field("firmware_model", firmwareModel)
            $0.field("last_upgrade_datetime", lastUpgrade?.description ?? "")
            $0.field("wifi_ssid", wifiSSID)
            $0.field("wifi_signal", wifiSignal)
            $0.field("up_bandwidth", upBandwidth)
            $0.field("down_bandwidth", downBandwidth)
            $0.field("ip_addr", address)
            $0.field("mac_addr", macAddress)
            $0.field("battery", battery)
        }
    }
}
