package import HSSModel
package import Vr

/// What a user may do with a device at a time. One rule for every door: lists, calls, tickets, events, what runs.
///
/// The owner may do everything, and so may an operator: whoever runs the platform can read its disks anyway. Everybody else
/// has what all grants that count at that time give together. Who has nothing does not see the device.
package struct DeviceAccess: Sendable, Equatable {
    package var role: DeviceRole
    /// Never empty.
    package var rights: Rights

    /// Nil: for this user the device is not there. A grant whose zone nobody knows gives nothing.
    ///
    /// `plan` looks up the zone of weekly hours.
    package init?(
        of user: UserName,
        _ role: Role,
        owner: UserName?,
        grants: [DeviceGrant],
        at now: WallTime,
        plan: (WeeklyHours) -> RecordingPlan?
    ) {
        if role == .operator {
            self.init(role: owner == user ? .owner : .operator, rights: .owner)
        } else if owner == user {
            self.init(role: .owner, rights: .owner)
        } else {
            let rights = grants.reduce(into: Rights()) { rights, grant in
                if grant.counts(at: now, plan) { rights.formUnion(grant.rights) }
            }
            guard !rights.isEmpty else { return nil }
            self.init(role: .guest, rights: rights)
        }
    }

    private init(role: DeviceRole, rights: Rights) {
        self.role = role
        self.rights = rights
    }

    /// When the answer of these grants may be another one though nobody changes them; nil: never.
    package static func nextChange(
        of grants: [DeviceGrant],
        after now: WallTime,
        plan: (WeeklyHours) -> RecordingPlan?
    ) -> WallTime? {
        grants.compactMap { grant -> WallTime? in
            if let end = grant.expiresAt, end <= now { return nil }
            let turn = grant.hours.flatMap(plan)?.nextChange(after: now)
            return [turn, grant.expiresAt].compactMap(\.self).min()
        }.min()
    }
}

extension DeviceGrant {
    fileprivate func counts(at now: WallTime, _ plan: (WeeklyHours) -> RecordingPlan?) -> Bool {
        if let expiresAt, expiresAt <= now { return false }
        guard let hours else { return true }
        return plan(hours)?.isWanted(at: now) ?? false
    }
}
