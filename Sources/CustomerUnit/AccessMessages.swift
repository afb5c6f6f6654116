// Shares, households, groups and sessions (docs/api.md) as a client sees them.

package struct ShareMessage: Codable, Sendable {
    package struct Schedule: Codable, Sendable {
        package var timeZone: String
        package var periods: [RecordingPlanMessage.Window]

        package init(timeZone: String, periods: [RecordingPlanMessage.Window]) {
            self.timeZone = timeZone
            self.periods = periods
        }
    }

    /// Absent in a request.
    package var user: String?
    package var rights: [String]
    package var schedule: Schedule?
    package var expiresAt: String?
    package var createdAt: String?

    package init(rights: [String], schedule: Schedule?, expiresAt: String?) {
        self.rights = rights
        self.schedule = schedule
        self.expiresAt = expiresAt
    }
}

package struct HouseholdAnswer: Codable, Sendable {
    package struct Member: Codable, Sendable {
        package var user: String
        package var role: String
        package var rights: [String]
        package var joinedAt: String
    }

    package struct Device: Codable, Sendable {
        package var deviceId: String
        package var owner: String
        package var addedAt: String
    }

    package var householdId: String
    package var name: String
    package var createdAt: String
    /// Absent in a list.
    package var members: [Member]?
    package var devices: [Device]?
}

package struct MemberMessage: Encodable, Sendable {
    package var role: String
    package var rights: [String]

    package init(role: String, rights: [String]) {
        self.role = role
        self.rights = rights
    }
}

package struct GroupAnswer: Codable, Sendable {
    package var groupId: String
    package var name: String
    package var createdAt: String
    package var devices: [String]
}

package struct UserSessionAnswer: Codable, Sendable {
    package var sessionId: String
    package var kind: String
    package var name: String?
    package var scope: String
    package var current: Bool
    package var createdAt: String
    package var lastUsedAt: String?
    package var expiresAt: String
    package var address: String?
    package var client: String?
    /// Only of a token that was just made.
    package var token: String?
}

package struct SecondFactorAnswer: Codable, Sendable {
    package var secret: String
    package var uri: String
}

package struct RecoveryCodesAnswer: Codable, Sendable {
    package var recoveryCodes: [String]
}
