/// `Settime` (Table I.2-9): tells a unit the time.
package struct SetTime: VdRequest {
    package typealias Answer = NoResult
    package static let name = "Settime"

    /// As the unit's clock shall show it, in its zone.
    package var dateTime: UnitDateTime
    /// Hours east of UTC (deployed practice); nil: the unit keeps its zone.
    package var timeZone: Int?
    /// Seconds within which the unit keeps its clock.
    package var tolerance: Int

    package init(dateTime: UnitDateTime, timeZone: Int?, tolerance: Int) {
        self.dateTime = dateTime
        self.timeZone = timeZone
        self.tolerance = tolerance
    }

    package init(_ object: JSONObject) throws(FieldError) {
        dateTime = try object.dateTime("datetime")
        timeZone = try object.optionalInteger("tz", UnitDateTime.zones)
        tolerance = try object.integer("offset", 0...Int(Int32.max))
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("datetime", dateTime.description)
            $0.field("tz", timeZone)
            $0.field("offset", tolerance)
        }
    }
}

/// `QueryTime` (Table I.2-10): asks what a unit's clock shows.
package struct QueryTime: VdRequest, VdBare {
    package typealias Answer = UnitTime
    package static let name = "QueryTime"

    package init() {}
}

/// The answer to ``QueryTime``.
package struct UnitTime: VdBody {
    package var dateTime: UnitDateTime
    /// Hours east of UTC; nil where the unit does not say.
    package var timeZone: Int?

    package init(dateTime: UnitDateTime, timeZone: Int?) {
        self.dateTime = dateTime
        self.timeZone = timeZone
    }

    package init(_ object: JSONObject) throws(FieldError) {
        dateTime = try object.dateTime("datetime")
        timeZone = try object.optionalInteger("tz", UnitDateTime.zones)
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("datetime", dateTime.description)
            $0.field("tz", timeZone)
        }
    }
}
