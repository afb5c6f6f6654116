package import Bus
package import HSSModel
import HostClock
import ServerKit
import Store
import Synchronization
import Vd

extension Registry: UnitAdmission {
    package func admit(_ login: UnitLogin) async throws(AdmissionError) -> UnitRegistration {
        let unit = UnitID(rawValue: login.loginCode)
        let address = NetworkPrefix(login.remoteAddress)
        let attempt: LoginGuard<UnitID>.Attempt
        switch unitGuard.withLock({ $0.begin(unit, from: address, at: .now) }) {
        case .wait(let delay):
            metrics.units.locked.add()
            audit(.refused(login, "unit.locked-out"))
            throw .lockedOut(retryAfter: delay)
        case .attempt(let begun): attempt = begun
        }
        let device: StoredDevice?
        do throws(StoreError) {
            device = try await logins.device(of: unit ?? Self.nobody, login.proof)
        } catch {
            unitGuard.withLock { $0.abandoned(attempt) }
            metrics.units.unavailable.add()
            throw .unavailable(error.description)
        }
        guard let device else {
            unitGuard.withLock { $0.failed(attempt, at: .now) }
            metrics.units.refused.add()
            audit(.refused(login, "unit.refused"))
            throw .refused
        }
        if case .signature(let signature) = login.proof {
            do throws(AdmissionError) { try judge(signature, of: device, attempt) } catch {
                if case .refused = error { audit(.refused(login, "unit.refused")) }
                throw error
            }
        }
        unitGuard.withLock { $0.succeeded(attempt) }
        metrics.units.accepted.add()
        return UnitRegistration(
            unit: device.unit,
            macIdentity: device.macIdentity,
            channels: device.channels
        )
    }

    /// Of a signature that is right: whether it is of this hardware, of now, and here for the first time. The peer hears
    /// nothing of the difference.
    private func judge(
        _ signature: LoginSignature,
        of device: StoredDevice,
        _ attempt: LoginGuard<UnitID>.Attempt
    ) throws(AdmissionError) {
        var verdict: NonceMemory.Verdict?
        if signature.macIdentity.canonical == device.macIdentity.canonical {
            verdict = nonces.withLock {
                $0.admit(signature.nonce, of: device.unit, signedAt: signature.time, at: .now)
            }
        }
        switch verdict {
        case .fresh: return
        case .outOfTime:
            // A unit with a wrong clock guesses nothing, and must not lock out others at its address.
            unitGuard.withLock { $0.abandoned(attempt) }
            metrics.lateSignatures.add()
        case .full:
            unitGuard.withLock { $0.abandoned(attempt) }
            metrics.units.unavailable.add()
            throw .unavailable(
                "\(limits.signingUnits) units have signed in within minutes; raise limits.units"
            )
        case .replayed, nil:
            unitGuard.withLock { $0.failed(attempt, at: .now) }
            if verdict == .replayed { metrics.replayedSignatures.add() }
        }
        metrics.units.refused.add()
        throw .refused
    }

    package func registration(of macIdentity: MACIdentity) async throws(AdmissionError) -> UnitRegistration {
        let device: StoredDevice?
        do { device = try await store.device(macIdentity: macIdentity) } catch {
            throw .unavailable(error.description)
        }
        guard let device, !device.disabled else { throw .refused }
        return UnitRegistration(
            unit: device.unit,
            macIdentity: device.macIdentity,
            channels: device.channels
        )
    }

    package func bind(_ unit: UnitID, code: String) async throws(BindRefusal) -> UserName {
        // Beyond the rate every code is unknown: whoever guesses must not learn that it has to wait.
        guard bindRates.withLock({ $0.admit(unit, at: .now) }), let canonical = BindCodeForm.canonical(code)
        else {
            metrics.refusedBindings.add()
            throw .unknownCode
        }
        await ownerChanges(of: unit)
        let outcome: Redemption
        do {
            outcome = try await store.redeem(codeHash: tokenHash(canonical), for: unit, at: .now)
        } catch {
            throw .unavailable(error.description)
        }
        switch outcome {
        case .bound(let user):
            metrics.bindings.add()
            audit(
                AuditNote(
                    at: .now,
                    user: user,
                    address: "unit",
                    action: "device.bound",
                    object: unit.rawValue,
                    result: .done
                )
            )
            return user
        case .boundToAnother:
            metrics.refusedBindings.add()
            throw .boundToAnother
        case .unknownCode, .unknownDevice:
            metrics.refusedBindings.add()
            throw .unknownCode
        }
    }

    package func noteArrival(_ arrival: UnitArrival) {
        var arrival = arrival
        arrival.hardwareModel = String(arrival.hardwareModel.prefix(Self.longestModel))
        arrival.firmwareModel = String(arrival.firmwareModel.prefix(Self.longestModel))
        sightings.note(
            UnitSighting(
                unit: arrival.unit,
                hardwareModel: arrival.hardwareModel,
                firmwareModel: arrival.firmwareModel,
                time: arrival.time
            )
        )
        announce(arrival)
    }

    package func noteSeen(_ unit: UnitID, at time: WallTime) {
        sightings.note(UnitSighting(unit: unit, firmwareModel: nil, time: time))
    }

    /// Units choose this text.
    private static let longestModel = 128
    /// Looked up in place of an impossible ID, so that this takes as long. No device has it: enrolment demands a letter
    /// or a digit.
    private static let nobody = UnitID(unchecked: "-")
}

extension AuditNote {
    /// Of a unit that was not let in. Its name is what it said, and may be anything.
    fileprivate static func refused(_ login: UnitLogin, _ action: String) -> AuditNote {
        AuditNote(
            at: .now,
            user: nil,
            address: login.remoteAddress,
            action: action,
            object: UnitID(rawValue: login.loginCode)?.rawValue ?? "",
            result: .refused
        )
    }
}
