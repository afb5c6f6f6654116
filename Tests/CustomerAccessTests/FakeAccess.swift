import Bus
import HSSModel
import Synchronization

/// What people give each other, as one API sees it: it notes what it was asked for and has one of each.
final class FakeAccess: SharePoint, HouseholdPoint, CameraGroupPoint, UserSessionPoint, CredentialPoint {
    private struct State {
        var calls: [String] = []
        var failure: ManagementError?
    }

    private let state = Mutex(State())

    var calls: [String] { state.withLock { $0.calls } }
    func fail(_ failure: ManagementError?) { state.withLock { $0.failure = failure } }

    private func note(_ call: String) throws(ManagementError) {
        let failure = state.withLock { state in
            state.calls.append(call)
            return state.failure
        }
        if let failure { throw failure }
    }

    static let share = Share(
        unit: UnitID(unchecked: "cam-1"),
        user: UserName(unchecked: "bert"),
        grant: DeviceGrant(
            rights: [.live, .talk],
            hours: WeeklyHours(
                zone: "Europe/Berlin",
                windows: [
                    .init(weekday: 0, from: 480, to: 1080), .init(weekday: 1, from: 480, to: 1080),
                    .init(weekday: 5, from: 1320, to: 360),
                ]
            ),
            expiresAt: Neighbours.time
        ),
        createdAt: Neighbours.time
    )

    func shares(of id: String, by caller: Principal) async throws(ManagementError) -> [Share] {
        try note("shares of \(id) by \(caller.user)")
        var plain = Self.share
        plain.user = UserName(unchecked: "carl")
        plain.grant = DeviceGrant(rights: .live)
        return [Self.share, plain]
    }

    func share(
        _ id: String,
        with user: String,
        _ grant: DeviceGrant,
        by caller: Principal
    ) async throws(ManagementError) -> (share: Share, isNew: Bool) {
        try note("share \(id) with \(user)")
        var share = Self.share
        share.grant = grant
        return (share, user == "bert")
    }

    func unshare(_ id: String, from user: String, by caller: Principal) async throws(ManagementError) {
        try note("unshare \(id) from \(user)")
    }

    static let household = Household(
        id: HouseholdID(unchecked: "h-1"),
        name: "Home",
        createdAt: Neighbours.time,
        members: [
            .init(
                user: UserName(unchecked: "anna"),
                role: .admin,
                rights: .owner,
                joinedAt: Neighbours.time
            )
        ],
        devices: [
            .init(
                unit: UnitID(unchecked: "cam-1"),
                owner: UserName(unchecked: "anna"),
                addedAt: Neighbours.time
            )
        ]
    )

    func households(
        after: HouseholdID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [Household] {
        try note("households after \(after?.rawValue ?? "-") limit \(limit)")
        return [Self.household]
    }

    func household(_ id: String, by caller: Principal) async throws(ManagementError) -> Household {
        try note("household \(id)")
        guard id == "h-1" else { throw .notFound("household \(id)") }
        return Self.household
    }

    func addHousehold(_ name: String, by caller: Principal) async throws(ManagementError) -> Household {
        try note("add household \(name)")
        return Self.household
    }

    func renameHousehold(
        _ id: String,
        _ name: String,
        by caller: Principal
    ) async throws(ManagementError) -> Household {
        try note("rename \(id) \(name)")
        return Self.household
    }

    func removeHousehold(_ id: String, by caller: Principal) async throws(ManagementError) {
        try note("remove \(id)")
    }

    func setMember(
        _ user: String,
        _ role: Household.MemberRole,
        _ rights: Rights,
        of id: String,
        by caller: Principal
    ) async throws(ManagementError) -> (household: Household, isNew: Bool) {
        try note("\(user) is \(role) of \(id) with \(rights.words.joined(separator: " "))")
        return (Self.household, user == "bert")
    }

    func removeMember(_ user: String, of id: String, by caller: Principal) async throws(ManagementError) {
        try note("\(user) leaves \(id)")
    }

    func addDevice(
        _ device: String,
        to id: String,
        by caller: Principal
    ) async throws(ManagementError) -> Household {
        try note("\(device) into \(id)")
        return Self.household
    }

    func removeDevice(_ device: String, from id: String, by caller: Principal) async throws(ManagementError) {
        try note("\(device) out of \(id)")
    }

    static let group = CameraGroup(
        id: CameraGroupID(unchecked: "g-1"),
        user: UserName(unchecked: "anna"),
        name: "Garden",
        createdAt: Neighbours.time,
        units: [UnitID(unchecked: "cam-3"), UnitID(unchecked: "cam-1")]
    )

    func groups(of caller: Principal) async throws(ManagementError) -> [CameraGroup] {
        try note("groups of \(caller.user)")
        return [Self.group]
    }

    func addGroup(_ name: String, by caller: Principal) async throws(ManagementError) -> CameraGroup {
        try note("add group \(name)")
        return Self.group
    }

    func renameGroup(
        _ id: String,
        _ name: String,
        by caller: Principal
    ) async throws(ManagementError) -> CameraGroup {
        try note("rename \(id) \(name)")
        return Self.group
    }

    func removeGroup(_ id: String, by caller: Principal) async throws(ManagementError) {
        try note("remove \(id)")
    }

    func addDevice(
        _ device: String,
        toGroup id: String,
        by caller: Principal
    ) async throws(ManagementError) -> CameraGroup {
        try note("\(device) into \(id)")
        return Self.group
    }

    func removeDevice(
        _ device: String,
        fromGroup id: String,
        by caller: Principal
    ) async throws(ManagementError) { try note("\(device) out of \(id)") }

    func sessions(of caller: Principal) async throws(ManagementError) -> [UserSession] {
        try note("sessions of \(caller.user)")
        return [
            UserSession(
                id: UserSessionID(unchecked: "narrow"),
                kind: .token,
                name: "Blinds",
                scopes: [.read, .account],
                createdAt: Neighbours.time,
                expiresAt: Neighbours.time
            ),
            UserSession(
                id: UserSessionID(unchecked: "phone"),
                kind: .login,
                createdAt: Neighbours.time,
                lastUsedAt: Neighbours.time,
                expiresAt: Neighbours.time,
                address: "192.0.2.1",
                client: "Phone/1.0"
            ),
        ]
    }

    func endSession(_ id: String, by caller: Principal) async throws(ManagementError) {
        try note("end \(id)")
    }

    func endOtherSessions(of caller: Principal) async throws(ManagementError) {
        try note("end all but \(caller.session?.rawValue ?? "-")")
    }

    func addToken(
        _ name: String,
        _ scopes: Scopes,
        until expiresAt: WallTime?,
        by caller: Principal
    ) async throws(ManagementError) -> (session: UserSession, token: Secret) {
        try note("token \(name) \(scopes.words.joined(separator: " ")) \(expiresAt?.milliseconds ?? 0)")
        let session = UserSession(
            id: UserSessionID(unchecked: "made"),
            kind: .token,
            name: name,
            scopes: scopes,
            createdAt: Neighbours.time,
            expiresAt: Neighbours.time
        )
        return (session, Secret("vedette_x"))
    }

    func note(_ lease: LeaseID, on channel: ChannelAddress, of caller: Principal) async {
        try? note("\(lease) on \(channel)")
    }

    func account(of caller: Principal) async throws(ManagementError) -> AccountRecord {
        try note("account of \(caller.user)")
        return AccountRecord(user: caller.user, role: caller.role, totpEnabled: true, recoveryCodesLeft: 7)
    }

    func changePassword(
        _ password: Secret,
        to new: Secret,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) { try note("\(password.reveal()) becomes \(new.reveal())") }

    func beginTOTP(
        _ password: Secret,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) -> (secret: Secret, uri: Secret) {
        try note("totp with \(password.reveal())")
        return (Secret("GEZDGNBV"), Secret("otpauth://totp/x"))
    }

    func confirmTOTP(
        _ code: Secret,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) -> [Secret] {
        try note("confirm \(code.reveal())")
        return [Secret("AAAA"), Secret("BBBB")]
    }

    func endTOTP(
        _ password: Secret,
        code: Secret?,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) { try note("end totp \(password.reveal()) \(code?.reveal() ?? "-")") }

    func resetPassword(of user: String, to new: Secret, by caller: Principal) async throws(ManagementError) {
        try note("password of \(user) is \(new.reveal())")
    }

    func resetTOTP(of user: String, by caller: Principal) async throws(ManagementError) {
        try note("totp of \(user) is gone")
    }
}
