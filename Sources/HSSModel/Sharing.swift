// What owners give others, as it is kept.

/// What somebody was given on one device, whatever the time is. `DeviceAccess` makes of it what counts at a time.
package struct DeviceGrant: Sendable, Hashable {
    package var rights: Rights
    /// Nil: at all hours.
    package var hours: WeeklyHours?
    /// Nil: until it is taken back.
    package var expiresAt: WallTime?

    package init(rights: Rights, hours: WeeklyHours? = nil, expiresAt: WallTime? = nil) {
        self.rights = rights
        self.hours = hours
        self.expiresAt = expiresAt
    }
}

/// A device that its owner shares with a user.
package struct Share: Sendable, Equatable {
    package var unit: UnitID
    package var user: UserName
    package var grant: DeviceGrant
    package var createdAt: WallTime

    package init(unit: UnitID, user: UserName, grant: DeviceGrant, createdAt: WallTime) {
        self.unit = unit
        self.user = user
        self.grant = grant
        self.createdAt = createdAt
    }
}

package struct HouseholdID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// People who live together, and the cameras that they share with each other.
package struct Household: Sendable, Equatable {
    package enum MemberRole: String, Sendable {
        /// Says who belongs to it.
        case admin
        case member
    }

    package struct Member: Sendable, Equatable {
        package var user: UserName
        package var role: MemberRole
        /// On its devices that belong to others.
        package var rights: Rights
        package var joinedAt: WallTime

        package init(user: UserName, role: MemberRole, rights: Rights, joinedAt: WallTime) {
            self.user = user
            self.role = role
            self.rights = rights
            self.joinedAt = joinedAt
        }
    }

    package struct Device: Sendable, Equatable {
        package var unit: UnitID
        package var owner: UserName
        package var addedAt: WallTime

        package init(unit: UnitID, owner: UserName, addedAt: WallTime) {
            self.unit = unit
            self.owner = owner
            self.addedAt = addedAt
        }
    }

    package var id: HouseholdID
    package var name: String
    package var createdAt: WallTime
    /// By name.
    package var members: [Member]
    /// By device ID.
    package var devices: [Device]

    package init(
        id: HouseholdID,
        name: String,
        createdAt: WallTime,
        members: [Member] = [],
        devices: [Device] = []
    ) {
        self.id = id
        self.name = name
        self.createdAt = createdAt
        self.members = members
        self.devices = devices
    }

    package func member(_ user: UserName) -> Member? { members.first { $0.user == user } }
}

package struct CameraGroupID: TextIdentifier {
    package let rawValue: String
    package init(unchecked: String) { rawValue = unchecked }
}

/// A user's own arrangement of cameras. It gives no right.
package struct CameraGroup: Sendable, Equatable {
    package var id: CameraGroupID
    package var user: UserName
    package var name: String
    package var createdAt: WallTime
    /// In the order in which they were put there.
    package var units: [UnitID]

    package init(id: CameraGroupID, user: UserName, name: String, createdAt: WallTime, units: [UnitID] = []) {
        self.id = id
        self.user = user
        self.name = name
        self.createdAt = createdAt
        self.units = units
    }
}
