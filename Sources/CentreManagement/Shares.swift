package import Bus
package import HSSModel
import HostClock
import Store
import Vr

extension Registry: SharePoint {
    package func shares(of id: String, by caller: Principal) async throws(ManagementError) -> [Share] {
        let visible = try await device(id, visibleTo: caller)
        let unit = visible.device.unit
        guard visible.role == .guest else { return try await stored { try await $0.shares(of: unit) } }
        // Who else may watch is the owner's affair.
        return try await stored { try await $0.share(of: unit, with: caller.user) }.map { [$0] } ?? []
    }

    package func share(
        _ id: String,
        with user: String,
        _ grant: DeviceGrant,
        by caller: Principal
    ) async throws(ManagementError) -> (share: Share, isNew: Bool) {
        let device = try await owned(id, by: caller, to: "share this device")
        guard let owner = device.owner else { throw .conflict("nobody owns this device") }
        try Self.demandRights(grant.rights)
        if let hours = grant.hours, plans.plan(hours) == nil || hours.windows.isEmpty {
            throw .invalid(
                field: "schedule",
                "expected 1 to \(RecordingPlan.mostWindows) periods and a zone such as Europe/Berlin"
            )
        }
        let now = WallTime.now
        if let end = grant.expiresAt, end <= now { throw .invalid(field: "expires_at", "it is over") }
        guard user != owner.rawValue else { throw .invalid(field: "user", "it is the owner's already") }
        // A guest's name is no secret to whoever gave it a share.
        let former = try await stored { try await $0.shares(of: device.unit) }.first {
            $0.user.rawValue == user
        }
        let guest = try person(user, or: former?.user, for: caller)
        let asked = Share(unit: device.unit, user: guest, grant: grant, createdAt: now)
        let sharing = try await stored {
            try await $0.setShare(
                asked,
                owner: owner,
                perDevice: limits.sharesPerDevice,
                perUser: limits.sharesPerUser
            )
        }
        switch sharing {
        case .made(let share):
            await announce(AccessChange([ShareNews(share, .shared)]))
            return (share, true)
        case .changed(let share):
            await announce(AccessChange([ShareNews(share, .changed)]))
            return (share, false)
        case .deviceIsFull: throw .limit("\(limits.sharesPerDevice) shares of one device")
        case .userIsFull: throw .limit("\(limits.sharesPerUser) devices that are shared with \(guest)")
        }
    }

    package func unshare(
        _ id: String,
        from user: String,
        by caller: Principal
    ) async throws(ManagementError) {
        let unknown = ManagementError.notFound("a share of device \(id.prefix(64)) with \(user.prefix(64))")
        guard let unit = UnitID(rawValue: id), let guest = UserName(rawValue: user) else { throw unknown }
        // A share that does not count at this hour can be given back all the same.
        if guest != caller.user {
            _ = try await owned(id, by: caller, to: "say who else may see this device")
        }
        guard let share = try await stored({ try await $0.removeShare(of: unit, with: guest) }) else {
            throw unknown
        }
        await announce(AccessChange([ShareNews(share, guest == caller.user ? .left : .ended)]))
    }

    /// Those that have run out count no more whether they are there or not; both sides hear of it here.
    func endExpiredShares() async throws(StoreError) {
        let ended = try await store.dropExpiredShares(at: .now)
        guard !ended.isEmpty else { return }
        await announce(AccessChange(ended.map { ShareNews($0, .ended) }))
    }
}

extension ShareNews {
    fileprivate init(_ share: Share, _ change: Change) {
        self.init(unit: share.unit, user: share.user, change: change, rights: share.grant.rights)
    }
}
