/// `GetDiskInfo` (Table I.2-31): asks for the state of the SD card.
package struct GetDiskInfo: VdRequest, VdBare {
    package typealias Answer = DiskInfo
    package static let name = "GetDiskInfo"

    package init() {}
}

/// `state` of Table I.2-31.
package enum DiskState: Int, Sendable, CaseIterable {
    case normal = 0
    case noCard = 1
    case exception = 2
    case formatting = 3
}

/// The answer to ``GetDiskInfo``.
package struct DiskInfo: VdBody {
    package var state: DiskState
    /// Capacity, MB.
    package var total: Int
    /// MB.
    package var free: Int

    package init(state: DiskState, total: Int, free: Int) {
        self.state = state
        self.total = total
        self.free = free
    }

    package init(_ object: JSONObject) throws(FieldError) {
        var flaws = Flaws.refused
        try self.init(reported: object, &flaws)
    }

    /// Where no card works, a unit may leave out what there would be to count: 0.
    package init(reported object: JSONObject, _ flaws: inout Flaws) throws(FieldError) {
        guard let state = DiskState(rawValue: try object.integer("state", 0...3)) else {
            throw FieldError("state", "expected 0 to 3")
        }
        self.state = state
        guard state != .normal else {
            total = try object.integer("total", JSONObject.counts)
            free = try object.integer("free", JSONObject.counts)
            return
        }
        func count(_ name: String) throws(FieldError) -> Int {
            try flaws.read { () throws(FieldError) in try object.integer(name, JSONObject.counts) } ?? 0
        }
        total = try count("total")
        free = try count("free")
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("state", state.rawValue)
            $0.field("total", total)
            $0.field("free", free)
        }
    }
}

/// `FormatDisk` (Table I.2-32): asks a unit to format its SD card. Answered at once; ``GetDiskInfo`` tells the
/// progress.
package struct FormatDisk: VdRequest, VdBare {
    package typealias Answer = NoResult
    package static let name = "FormatDisk"

    package init() {}
}
