/// A firmware image as the platform names it.
package struct FirmwareID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// A firmware image that units can be told to install.
package struct FirmwareRecord: Sendable, Equatable {
    package var id: FirmwareID
    /// The hardware that it is made for (`hardware_model`, Table 9-3): no other unit is told of it.
    package var hardwareModel: String
    /// What a unit that runs it calls it (`firmware_model`, Tables I.2-7 and 9-3).
    package var version: String
    /// In bytes.
    package var size: Int64
    /// Lower-case hexadecimal.
    package var sha256: String
    package var addedAt: WallTime

    package init(
        id: FirmwareID,
        hardwareModel: String,
        version: String,
        size: Int64,
        sha256: String,
        addedAt: WallTime
    ) {
        self.id = id
        self.hardwareModel = hardwareModel
        self.version = version
        self.size = size
        self.sha256 = sha256
        self.addedAt = addedAt
    }

    /// The rule that a name of hardware or version breaks, and of which field; nil for sound ones. What units
    /// report may be no longer (Table 9-3), and both go into logs and onto terminals.
    package static func objection(hardwareModel: String, version: String) -> (field: String, rule: String)? {
        for (field, text) in [("hardware_model", hardwareModel), ("version", version)] {
            guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
            else { return (field, "expected 1 to 128 characters of printable ASCII") }
        }
        return nil
    }
}
