package import HSSModel

/// Who is calling: the outcome of a valid access token.
package struct Principal: Sendable, Equatable {
    package var user: UserName
    package var role: Role
    /// What the token may be used for.
    package var scopes: Scopes
    /// Nil: nobody's login, but the platform asking on somebody's account.
    package var session: UserSessionID?

    package init(user: UserName, role: Role, scopes: Scopes = .all, session: UserSessionID? = nil) {
        self.user = user
        self.role = role
        self.scopes = scopes
        self.session = session
    }
}

/// What somebody shows at the door. Outside text: whoever receives it checks it.
package struct PersonLogin: Sendable {
    package var user: String
    package var password: Secret
    /// Of an authenticator, or a recovery code.
    package var code: Secret?
    package var scopes: Scopes
    /// Of the client, for lock-outs and for the list of sessions.
    package var address: String
    /// What the program says of itself (`User-Agent`).
    package var client: String?

    package init(
        user: String,
        password: Secret,
        code: Secret? = nil,
        scopes: Scopes = .all,
        address: String,
        client: String? = nil
    ) {
        self.user = user
        self.password = password
        self.code = code
        self.scopes = scopes
        self.address = address
        self.client = client
    }
}

package struct SessionTokens: Sendable {
    package var access: Secret
    package var refresh: Secret
    /// Seconds until the access token expires.
    package var expiresIn: Int

    package init(access: Secret, refresh: Secret, expiresIn: Int) {
        self.access = access
        self.refresh = refresh
        self.expiresIn = expiresIn
    }
}

package struct UserRecord: Sendable, Equatable {
    package var name: UserName
    package var role: Role
    package var disabled: Bool
    package var createdAt: WallTime

    package init(name: UserName, role: Role, disabled: Bool, createdAt: WallTime) {
        self.name = name
        self.role = role
        self.disabled = disabled
        self.createdAt = createdAt
    }
}

package struct DeviceRecord: Sendable, Equatable {
    package var unit: UnitID
    package var macIdentity: MACIdentity
    /// Shown to people; the device ID where none was given.
    package var name: String
    package var channels: [Int: ChannelID]
    package var disabled: Bool
    package var owner: UserName?
    /// As the unit said at its last login (Table 9-3); nil: it never logged in.
    package var hardwareModel: String?
    package var firmwareModel: String?
    package var lastSeen: WallTime?
    package var createdAt: WallTime
    /// ``NewDevice/signedOnly``
    package var signedOnly = false

    package init(
        unit: UnitID,
        macIdentity: MACIdentity,
        name: String,
        channels: [Int: ChannelID],
        disabled: Bool,
        owner: UserName?,
        hardwareModel: String? = nil,
        firmwareModel: String?,
        lastSeen: WallTime?,
        createdAt: WallTime
    ) {
        self.unit = unit
        self.macIdentity = macIdentity
        self.name = name
        self.channels = channels
        self.disabled = disabled
        self.owner = owner
        self.hardwareModel = hardwareModel
        self.firmwareModel = firmwareModel
        self.lastSeen = lastSeen
        self.createdAt = createdAt
    }
}

/// A device together with what the caller may do with it.
package struct VisibleDevice: Sendable, Equatable {
    package var device: DeviceRecord
    package var rights: Rights
    package var role: DeviceRole

    package init(device: DeviceRecord, rights: Rights, role: DeviceRole = .owner) {
        self.device = device
        self.rights = rights
        self.role = role
    }
}

/// A device to enrol. Outside text: whoever receives it checks it.
package struct NewDevice: Sendable {
    package var deviceID: String
    package var macID: String
    /// Nil: one is made, 160 random bits.
    package var loginPassword: Secret?
    /// Number of channels, 1 to 256.
    package var channels: Int
    package var name: String?
    /// It signs its logins, or shows a certificate, whatever the platform asks of others: its password opens nothing.
    package var signedOnly = false

    package init(deviceID: String, macID: String, loginPassword: Secret?, channels: Int, name: String?) {
        self.deviceID = deviceID
        self.macID = macID
        self.loginPassword = loginPassword
        self.channels = channels
        self.name = name
    }
}

package struct EnrolledDevice: Sendable {
    package var device: DeviceRecord
    /// Shown once, stored only as a hash.
    package var loginPassword: Secret

    package init(device: DeviceRecord, loginPassword: Secret) {
        self.device = device
        self.loginPassword = loginPassword
    }
}

package struct BindCode: Sendable {
    package var code: Secret
    package var expiresAt: WallTime

    package init(code: Secret, expiresAt: WallTime) {
        self.code = code
        self.expiresAt = expiresAt
    }
}

package enum ManagementError: Error, Equatable, CustomStringConvertible {
    /// Wrong user or password, or a token that is unknown, expired or withdrawn.
    case unauthenticated
    /// User and password are right; the code of the user's authenticator is missing.
    case codeRequired
    case lockedOut(retryAfter: Duration)
    /// The caller may not do this at all (an operator's call by a customer).
    case forbidden
    /// The caller may see it but not do this with it: who may, in a sentence.
    case noRight(String)
    /// It does not exist, or the caller may not know that it does.
    case notFound(String)
    /// It exists already or is in a state that does not allow this.
    case conflict(String)
    /// A value breaks a rule: which field, and what is allowed.
    case invalid(field: String, String)
    /// At a limit of users, devices or open codes.
    case limit(String)
    case unavailable(String)

    package var description: String {
        switch self {
        case .unauthenticated: "wrong user, password or token"
        case .codeRequired: "a code of the authenticator is needed too"
        case .lockedOut(let delay):
            "too many failed attempts; again in \(Int(delay.inSeconds.rounded(.up))) s"
        case .forbidden: "only an operator may do this"
        case .noRight(let what): what
        case .notFound(let what): "\(what) does not exist"
        case .conflict(let what): what
        case .invalid(let field, let rule): "\(field): \(rule)"
        case .limit(let what): "at a limit: \(what)"
        case .unavailable(let reason): "the registry is not available: \(reason)"
        }
    }
}

/// Reference point Cc, accounts (§8.3.2 e).
package protocol AccountPoint: Sendable {
    func openSession(_ login: PersonLogin) async throws(ManagementError) -> SessionTokens
    /// A refresh token works once; using an old one again ends its session. The one before the present is taken
    /// again for a moment: the answer may have been lost.
    func refreshSession(_ refresh: Secret) async throws(ManagementError) -> SessionTokens
    func closeSession(access: Secret) async throws(ManagementError)
    func principal(access: Secret) async throws(ManagementError) -> Principal

    func addUser(
        _ name: String,
        password: Secret,
        role: Role,
        by caller: Principal
    ) async throws(ManagementError) -> UserRecord
    func users(
        after: UserName?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [UserRecord]
    /// Disabling ends the user's sessions.
    func setUser(
        _ name: String,
        disabled: Bool,
        by caller: Principal
    ) async throws(ManagementError) -> UserRecord
}

extension AccountPoint {
    /// `address` is the client's, for lock-outs.
    package func openSession(
        user: String,
        password: Secret,
        from address: String
    ) async throws(ManagementError) -> SessionTokens {
        try await openSession(PersonLogin(user: user, password: password, address: address))
    }
}

/// Reference point Cc, devices and bindings (§8.3.2 e).
package protocol DevicePoint: Sendable {
    /// Devices that the caller may see, ordered by device ID.
    func devices(
        after: UnitID?,
        limit: Int,
        visibleTo caller: Principal
    ) async throws(ManagementError) -> [VisibleDevice]
    /// `notFound` for a device that is not there and for one that the caller may not see.
    func device(_ id: String, visibleTo caller: Principal) async throws(ManagementError) -> VisibleDevice

    func issueBindCode(for caller: Principal) async throws(ManagementError) -> BindCode
    /// The owner gives the device up; whoever it was shared with loses it too.
    func unbind(_ id: String, by caller: Principal) async throws(ManagementError)

    func addDevice(_ device: NewDevice, by caller: Principal) async throws(ManagementError) -> EnrolledDevice
    /// Every device of the registry, for operators, ordered by device ID.
    func allDevices(
        after: UnitID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [DeviceRecord]
    func setDevice(
        _ id: String,
        disabled: Bool,
        by caller: Principal
    ) async throws(ManagementError) -> DeviceRecord
    func removeDevice(_ id: String, by caller: Principal) async throws(ManagementError)
}
