// The bodies of calls that start and stop recording (docs/api.md) as a client sees them. Lengths are seconds.

package struct RecordingRequest: Encodable, Sendable {
    package var segDuration: Int?
    package var prerecordSeconds: Int?
    package var durationSeconds: Int?

    package init(segDuration: Int?, prerecordSeconds: Int?, durationSeconds: Int?) {
        self.segDuration = segDuration
        self.prerecordSeconds = prerecordSeconds
        self.durationSeconds = durationSeconds
    }
}

package struct RecordingAnswer: Codable, Sendable {
    package struct Command: Codable, Sendable {
        package var user: String
        package var begunAt: String
        package var until: String?
        package var prerecordSeconds: Int
    }

    package struct Problem: Codable, Sendable {
        package var at: String
        package var detail: String
        package var unitError: Int?
    }

    package var state: String
    package var wantedBy: [String]
    package var command: Command?
    package var session: String?
    package var since: String?
    package var segDuration: Int
    package var nextChange: String?
    package var problem: Problem?
    package var droppedNb: Int
    package var droppedTime: Double
}

package struct RecordingPlanMessage: Codable, Sendable {
    package struct Window: Codable, Sendable, Equatable {
        package var days: [String]
        package var from: String
        package var to: String

        package init(days: [String], from: String, to: String) {
            self.days = days
            self.from = from
            self.to = to
        }
    }

    package var zone: String
    package var windows: [Window]
    package var segDuration: Int?

    package init(zone: String, windows: [Window], segDuration: Int?) {
        self.zone = zone
        self.windows = windows
        self.segDuration = segDuration
    }
}

package struct RecordingRuleMessage: Codable, Sendable {
    package var types: [String]
    package var prerecordSeconds: Int?
    package var clipSeconds: Int?
    package var maxSeconds: Int?
    package var segDuration: Int?

    package init(
        types: [String],
        prerecordSeconds: Int?,
        clipSeconds: Int?,
        maxSeconds: Int?,
        segDuration: Int?
    ) {
        self.types = types
        self.prerecordSeconds = prerecordSeconds
        self.clipSeconds = clipSeconds
        self.maxSeconds = maxSeconds
        self.segDuration = segDuration
    }
}
