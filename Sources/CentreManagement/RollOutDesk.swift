package import Bus
package import HSSModel
import Logging
import Store

// What operators and owners ask of roll-outs.

extension RollOutService: RollOutPoint {
    /// A single unit may take its time: nobody follows it.
    private static let singleTime = Duration.seconds(86_400)

    package func startRollOut(
        of firmware: FirmwareID,
        _ plan: RollOutPlan,
        for audience: RollOutAudience,
        by user: UserName
    ) async throws(ManagementError) -> RollOutRecord {
        let image = try await library.firmware(firmware)
        let time = now()
        var plan = plan
        plan.version = image.version
        try check(plan, audience, at: time)
        let record = RollOutRecord(
            id: freshID(at: time),
            firmware: firmware,
            hardwareModel: image.hardwareModel,
            plan: plan,
            createdBy: user,
            createdAt: time
        )
        await hands.settle()
        let members: [UnitID]
        do throws(StoreError) {
            members = try await store.add(
                record,
                for: RollOutSelection(audience),
                mostUnits: limits.units,
                mostOpen: limits.open,
                keeping: limits.kept
            )
        } catch {
            throw ManagementError(error)
        }
        enter(record, members)
        logger.notice(
            "roll-out started",
            metadata: [
                "roll_out": "\(record.id)", "firmware": "\(firmware)", "version": "\(plan.version)",
                "hardware": "\(record.hardwareModel)", "units": "\(members.count)", "user": "\(user)",
            ]
        )
        return active[record.id]?.snapshot ?? record
    }

    private func check(
        _ plan: RollOutPlan,
        _ audience: RollOutAudience,
        at time: WallTime
    ) throws(ManagementError) {
        if let objection = plan.objection { throw .invalid(field: objection.field, objection.rule) }
        guard plan.closes > time else { throw .invalid(field: "closes_at", "expected a time to come") }
        switch audience {
        case .units(let units):
            guard (1...limits.units).contains(units.count) else {
                throw .invalid(field: "units", "expected 1 to \(limits.units) device IDs")
            }
        case .share(let percent):
            guard (1...100).contains(percent) else {
                throw .invalid(field: "percent", "expected 1 to 100")
            }
        }
    }

    package func rollOuts(after: RollOutID?, limit: Int) async throws(ManagementError) -> [RollOutRecord] {
        do throws(StoreError) {
            return try await store.rollOuts(after: after, limit: limit).map { active[$0.id]?.snapshot ?? $0 }
        } catch {
            throw ManagementError(error)
        }
    }

    package func rollOut(_ id: RollOutID) async throws(ManagementError) -> RollOutRecord {
        if let active = active[id] { return active.snapshot }
        let record: RollOutRecord?
        do throws(StoreError) { record = try await store.rollOut(id) } catch { throw ManagementError(error) }
        guard let record else { throw .notFound("this roll-out") }
        return record
    }

    package func units(
        of rollOut: RollOutID,
        in state: RollOutState?,
        after: UnitID?,
        limit: Int
    ) async throws(ManagementError) -> [RollOutStanding] {
        _ = try await self.rollOut(rollOut)
        // The store follows within a second: a unit must not look like at work here and be counted as failed there.
        if active[rollOut] != nil { _ = await save() }
        let units: [RollOutUnit]
        do throws(StoreError) {
            let states = state.map { [$0] } ?? []
            units = try await store.units(of: rollOut, in: states, after: after, limit: limit)
        } catch {
            throw ManagementError(error)
        }
        let time = now()
        return units.map { unit in
            let hold = active[rollOut]?.machine.hold(of: unit.unit, at: time)
            return RollOutStanding(unit: unit, hold: hold?.description, holdsUntil: hold?.until)
        }
    }

    package func steer(
        _ id: RollOutID,
        _ order: RollOutOrder,
        by user: UserName
    ) async throws(ManagementError) -> RollOutRecord {
        let current = try await rollOut(id)
        let input: RollOut.Input =
            switch order {
            case .pause: .pause
            case .resume: .resume
            case .cancel: .cancel
            }
        guard active[id] != nil, order.isAllowed(in: current.phase) else {
            throw .conflict("the roll-out is \(current.phase.rawValue)")
        }
        logger.notice(
            "roll-out steered",
            metadata: ["roll_out": "\(id)", "order": "\(order.rawValue)", "user": "\(user)"]
        )
        receive(input, id)
        let steered = active[id]?.snapshot ?? current
        guard await save() else {
            throw .unavailable("the order holds until the next start only, until it can be written")
        }
        return active[id]?.snapshot ?? steered
    }

    package func upgrade(
        _ device: DeviceRecord,
        to firmware: FirmwareID,
        by user: UserName
    ) async throws(UpgradeError) {
        let image: FirmwareRecord
        do throws(ManagementError) { image = try await library.firmware(firmware) } catch {
            throw .management(error)
        }
        guard device.hardwareModel == image.hardwareModel else {
            let what = device.hardwareModel.map { "is a \($0)" } ?? "has never logged in"
            throw .management(
                .conflict("the firmware is for \(image.hardwareModel); device \(device.unit) \(what)")
            )
        }
        guard rollOuts[device.unit] == nil else {
            throw .management(.conflict("a roll-out is to update device \(device.unit)"))
        }
        do throws(UnitCallError) {
            try await tell(device.unit, firmware, image.version, until: now() + Self.singleTime)
        } catch {
            throw .unit(error)
        }
        logger.notice(
            "unit told to update",
            metadata: [
                "unit": "\(device.unit)", "firmware": "\(firmware)", "version": "\(image.version)",
                "user": "\(user)",
            ]
        )
        await tellOthers(UpgradeEvent(state: .told, version: image.version), of: device.unit)
    }
}

extension RollOutOrder {
    fileprivate func isAllowed(in phase: RollOutPhase) -> Bool {
        switch self {
        case .pause: phase == .running
        case .resume: phase == .paused || phase == .stopped
        case .cancel: phase == .running || phase == .paused || phase == .stopped
        }
    }
}

extension RollOutSelection {
    fileprivate init(_ audience: RollOutAudience) {
        switch audience {
        case .units(let units): self = .these(Set(units).sorted())
        case .share(let percent): self = .share(percent: percent)
        }
    }
}
