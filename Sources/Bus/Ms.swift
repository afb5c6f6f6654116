package import HSSModel
package import Vd

/// What a unit presents when it opens Vd (Table 9-3). Nothing in it has been checked.
package struct UnitLogin: Sendable {
    package var loginCode: String
    package var proof: LoginProof
    package var hardwareModel: String
    package var firmwareModel: String
    package var sdk: String?
    /// The connection follows a disconnection, not a start of the unit.
    package var reconnect: Bool
    /// Network address of the peer without its port, for lock-outs and the audit trail.
    package var remoteAddress: String

    package init(
        loginCode: String,
        proof: LoginProof,
        hardwareModel: String,
        firmwareModel: String,
        sdk: String?,
        reconnect: Bool,
        remoteAddress: String
    ) {
        self.loginCode = loginCode
        self.proof = proof
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.sdk = sdk
        self.reconnect = reconnect
        self.remoteAddress = remoteAddress
    }

    package init(
        loginCode: String,
        password: Secret,
        hardwareModel: String,
        firmwareModel: String,
        sdk: String?,
        reconnect: Bool,
        remoteAddress: String
    ) {
        self.init(
            loginCode: loginCode,
            proof: .password(password),
            hardwareModel: hardwareModel,
            firmwareModel: firmwareModel,
            sdk: sdk,
            reconnect: reconnect,
            remoteAddress: remoteAddress
        )
    }
}

/// What the registry knows of an admitted unit and its session needs.
package struct UnitRegistration: Sendable, Equatable {
    package var unit: UnitID
    package var macIdentity: MACIdentity
    /// Registered channel numbers and their platform-wide names.
    package var channels: [Int: ChannelID]

    package init(unit: UnitID, macIdentity: MACIdentity, channels: [Int: ChannelID]) {
        self.unit = unit
        self.macIdentity = macIdentity
        self.channels = channels
    }
}

/// What a unit said of itself when it connected (Table 9-3).
package struct UnitArrival: Sendable, Equatable {
    package var unit: UnitID
    package var hardwareModel: String
    package var firmwareModel: String
    /// For the first time since its start, `reconnect=0`.
    package var restarted: Bool
    package var time: WallTime

    package init(
        unit: UnitID,
        hardwareModel: String,
        firmwareModel: String,
        restarted: Bool,
        time: WallTime
    ) {
        self.unit = unit
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.restarted = restarted
        self.time = time
    }
}

package enum AdmissionError: Error, Equatable, CustomStringConvertible {
    /// Unknown device, wrong password and disabled device alike: a peer must not learn which.
    case refused
    /// Too many failures of this address or device; the same for everybody who is locked out.
    case lockedOut(retryAfter: Duration)
    /// The registry could not answer. The unit is not at fault and should come again.
    case unavailable(String)

    package var description: String {
        switch self {
        case .refused: "unknown device ID or wrong login password"
        case .lockedOut(let delay): "too many failed logins; again in \(Int(delay.inSeconds.rounded(.up))) s"
        case .unavailable(let reason): "the registry is not available: \(reason)"
        }
    }
}

package enum BindRefusal: Error, Equatable, CustomStringConvertible {
    /// Never issued, already used or past its time: alike for whoever guesses codes.
    case unknownCode
    /// The device is bound to somebody else, who has to give it up first.
    case boundToAnother
    case unavailable(String)

    package var description: String {
        switch self {
        case .unknownCode: "bind code unknown, used or expired"
        case .boundToAnother: "the device is bound to another user"
        case .unavailable(let reason): "the registry is not available: \(reason)"
        }
    }
}

/// Reference point Ms, what the SCU asks of the CMU (§8.3.2 a).
package protocol UnitAdmission: Sendable {
    /// Checks the credentials of Table 9-3. Takes the same time whichever part of them is wrong.
    func admit(_ login: UnitLogin) async throws(AdmissionError) -> UnitRegistration

    /// Who has this identity, for a unit that sleeps and has shown its token. `refused` for one that is unknown or
    /// disabled.
    func registration(of macIdentity: MACIdentity) async throws(AdmissionError) -> UnitRegistration

    /// Binds the unit to the customer to whom `code` was issued (Table I.2-3). A code works once.
    func bind(_ unit: UnitID, code: String) async throws(BindRefusal) -> UserName

    /// A unit has connected: from now on it can be told and asked. Must not wait.
    func noteArrival(_ arrival: UnitArrival)

    /// Notes when a unit came or went, for `last seen` of devices that are offline. Best effort. Called from event
    /// loops: it must not wait for anything.
    func noteSeen(_ unit: UnitID, at time: WallTime)
}
