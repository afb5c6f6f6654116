package import Bus
package import HSSModel
import HostClock
import ServerKit
import Store
import Synchronization
import Vs

extension Registry: DevicePoint {
    private static let longestName = 128

    /// What a guest may not use at this moment is left out, so the store is asked until the page is full.
    package func devices(
        after: UnitID?,
        limit: Int,
        visibleTo caller: Principal
    ) async throws(ManagementError) -> [VisibleDevice] {
        guard caller.role != .operator else {
            let page = try await stored { try await $0.devices(after: after, limit: limit, owner: nil) }
            return page.compactMap { visible(StoredAccess(device: $0, grants: []), to: caller) }
        }
        var found: [VisibleDevice] = []
        var after = after
        while found.count < limit {
            let count = min(limit - found.count, pageLimit)
            let last = after
            let page = try await stored {
                try await $0.accesses(of: caller.user, after: last, limit: count)
            }
            found += page.compactMap { visible($0, to: caller) }
            guard page.count == count, let next = page.last?.device.unit else { break }
            after = next
        }
        return found
    }

    package func device(
        _ id: String,
        visibleTo caller: Principal
    ) async throws(ManagementError) -> VisibleDevice {
        guard let unit = UnitID(rawValue: id),
            let found = try await stored({ try await $0.access(of: caller.user, to: unit) }),
            let visible = visible(found, to: caller)
        else { throw .notFound("device \(id.prefix(64))") }
        return visible
    }

    /// Whether somebody may watch a channel at a moment, and when the answer may be another one (``RightsWatch``).
    package func mayWatch(
        _ watch: LiveWatch,
        at now: WallTime
    ) async throws(ManagementError) -> (may: Bool, until: WallTime?) {
        guard let user = try await stored({ try await $0.user(watch.user) }), !user.disabled,
            let found = try await stored({ try await $0.access(of: watch.user, to: watch.channel.unit) })
        else { return (false, nil) }
        let access = DeviceAccess(
            of: user.name,
            user.role,
            owner: found.device.owner,
            grants: found.grants,
            at: now,
            plan: plans.plan
        )
        return (
            access?.rights.contains(.live) ?? false,
            DeviceAccess.nextChange(of: found.grants, after: now, plan: plans.plan)
        )
    }

    private func visible(_ found: StoredAccess, to caller: Principal) -> VisibleDevice? {
        DeviceAccess(
            of: caller.user,
            caller.role,
            owner: found.device.owner,
            grants: found.grants,
            at: .now,
            plan: plans.plan
        ).map {
            VisibleDevice(
                device: record(found.device),
                rights: $0.rights.intersection(caller.scopes.rights),
                role: $0.role
            )
        }
    }

    package func issueBindCode(for caller: Principal) async throws(ManagementError) -> BindCode {
        let code = BindCodeText.generate()
        guard let canonical = BindCodeForm.canonical(code) else {
            throw .unavailable("a bind code could not be made")
        }
        let now = WallTime.now
        let expiry = now + limits.bindCodeValidity
        let limit = limits.bindCodesPerUser
        let added: Bool
        do {
            added = try await store.addBindCode(
                hash: tokenHash(canonical),
                for: caller.user,
                expiresAt: expiry,
                at: now,
                limit: limit
            )
        } catch .notFound {
            throw .unauthenticated  // disabled since the token was checked
        } catch {
            throw ManagementError(error)
        }
        guard added else {
            throw .limit("\(limit) bind codes are open; use one or wait until they expire")
        }
        return BindCode(code: Secret(code), expiresAt: expiry)
    }

    package func unbind(_ id: String, by caller: Principal) async throws(ManagementError) {
        let unit = try await owned(id, by: caller, to: "give this device up; end your own share to leave it")
            .unit
        let owner = caller.role == .operator ? nil : caller.user
        let shares = try await stored { try await $0.shares(of: unit) }
        await ownerChanges(of: unit)
        let former: UserName?
        do {
            former = try await store.unbind(unit, owner: owner)
        } catch .notFound {
            throw .notFound("device \(id.prefix(64))")
        } catch {
            throw ManagementError(error)
        }
        if let former { await announce(.unbound(unit, from: former)) }
        let news = shares.map {
            ShareNews(unit: unit, user: $0.user, change: .ended, rights: $0.grant.rights)
        }
        await announce(AccessChange(units: [unit], news: news))
    }

    package func addDevice(
        _ device: NewDevice,
        by caller: Principal
    ) async throws(ManagementError) -> EnrolledDevice {
        try demandOperator(caller)
        let new = try checked(device)
        try await stored { try await $0.add(new.device) }
        return EnrolledDevice(device: record(new.device), loginPassword: new.password)
    }

    package func allDevices(
        after: UnitID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [DeviceRecord] {
        try demandOperator(caller)
        return try await stored { try await $0.devices(after: after, limit: limit, owner: nil) }.map(record)
    }

    package func setDevice(
        _ id: String,
        disabled: Bool,
        by caller: Principal
    ) async throws(ManagementError) -> DeviceRecord {
        try demandOperator(caller)
        guard let unit = UnitID(rawValue: id) else { throw .notFound("device \(id.prefix(64))") }
        let device = try await stored { try await $0.setDevice(unit, disabled: disabled) }
        if disabled { await revoke(unit, .disabled(unit)) }
        return record(device)
    }

    package func removeDevice(_ id: String, by caller: Principal) async throws(ManagementError) {
        try demandOperator(caller)
        guard let unit = UnitID(rawValue: id) else { throw .notFound("device \(id.prefix(64))") }
        await ownerChanges(of: unit)
        try await stored { try await $0.removeDevice(unit) }
        await revoke(unit, .removed(unit))
    }

    private func revoke(_ unit: UnitID, _ news: DeviceChange) async {
        unitGuard.withLock { $0.forgetHome(of: unit) }
        await announce(news)
    }

    private func checked(
        _ new: NewDevice
    ) throws(ManagementError) -> (device: StoredDevice, password: Secret) {
        guard let unit = UnitID(rawValue: new.deviceID), unit.rawValue.contains(where: \.isLetterOrDigit)
        else {
            throw .invalid(
                field: "device_id",
                "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -, one of them a letter or digit"
            )
        }
        guard let macIdentity = MACIdentity(rawValue: new.macID), macIdentity.isUsable else {
            throw .invalid(field: "mac_id", "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -")
        }
        let highest = ChannelAddress.highestNumber + 1
        guard (1...highest).contains(new.channels) else {
            throw .invalid(field: "channels", "expected 1 to \(highest)")
        }
        let name = new.name ?? new.deviceID
        guard (1...Self.longestName).contains(name.count), name.utf8.count <= 4 * Self.longestName,
            !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else {
            throw .invalid(
                field: "name",
                "expected 1 to \(Self.longestName) characters without control characters"
            )
        }
        if let given = new.loginPassword, let objection = DeviceSecret.objection(to: given) {
            throw .invalid(field: "login_password", objection)
        }
        let password = new.loginPassword ?? DeviceSecret.generate()
        var channels: [Int: ChannelID] = [:]
        for number in 0..<new.channels {
            channels[number] = ChannelID(unchecked: RandomText.hexadecimal(bits: 128))
        }
        let device = StoredDevice(
            unit: unit,
            macIdentity: macIdentity,
            name: name,
            channels: channels,
            passwordHash: verifier.stored(password, of: unit, signedOnly: new.signedOnly),
            createdAt: .now
        )
        return (device, password)
    }

    private func record(_ device: StoredDevice) -> DeviceRecord {
        let unwritten = sightings.latest(of: device.unit)
        var record = DeviceRecord(
            unit: device.unit,
            macIdentity: device.macIdentity,
            name: device.name,
            channels: device.channels,
            disabled: device.disabled,
            owner: device.owner,
            hardwareModel: unwritten?.hardwareModel ?? device.hardwareModel,
            firmwareModel: unwritten?.firmwareModel ?? device.firmwareModel,
            lastSeen: unwritten?.time ?? device.lastSeen,
            createdAt: device.createdAt
        )
        record.signedOnly = LoginVerifier.takesNoPassword(device.passwordHash)
        return record
    }
}
