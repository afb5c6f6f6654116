package import HSSModel

// Reference point Cc, what people give each other and how they are known (§8.3.2 e). Every call checks its caller.

/// Devices that owners share.
package protocol SharePoint: Sendable {
    /// By user name. For the owner and operators; a guest hears of its own alone.
    func shares(of id: String, by caller: Principal) async throws(ManagementError) -> [Share]
    /// By the owner or an operator. `isNew` false: the user had one, which these terms replace.
    func share(
        _ id: String,
        with user: String,
        _ grant: DeviceGrant,
        by caller: Principal
    ) async throws(ManagementError) -> (share: Share, isNew: Bool)
    /// By the owner, an operator, or the guest itself.
    func unshare(_ id: String, from user: String, by caller: Principal) async throws(ManagementError)
}

/// Households. `notFound` for whoever is not a member; operators see all.
package protocol HouseholdPoint: Sendable {
    /// By ID, without members and devices.
    func households(
        after: HouseholdID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [Household]
    func household(_ id: String, by caller: Principal) async throws(ManagementError) -> Household
    func addHousehold(_ name: String, by caller: Principal) async throws(ManagementError) -> Household
    func renameHousehold(
        _ id: String,
        _ name: String,
        by caller: Principal
    ) async throws(ManagementError) -> Household
    func removeHousehold(_ id: String, by caller: Principal) async throws(ManagementError)
    /// By an admin of it.
    func setMember(
        _ user: String,
        _ role: Household.MemberRole,
        _ rights: Rights,
        of id: String,
        by caller: Principal
    ) async throws(ManagementError) -> (household: Household, isNew: Bool)
    /// By an admin, or by the member itself. Its devices go with it.
    func removeMember(_ user: String, of id: String, by caller: Principal) async throws(ManagementError)
    /// By the owner of the device, who is a member.
    func addDevice(
        _ device: String,
        to id: String,
        by caller: Principal
    ) async throws(ManagementError) -> Household
    /// By the owner of the device, or by an admin.
    func removeDevice(_ device: String, from id: String, by caller: Principal) async throws(ManagementError)
}

/// Groups of cameras: each user has its own.
package protocol CameraGroupPoint: Sendable {
    /// Devices that the caller does not see at this moment are left out.
    func groups(of caller: Principal) async throws(ManagementError) -> [CameraGroup]
    func addGroup(_ name: String, by caller: Principal) async throws(ManagementError) -> CameraGroup
    func renameGroup(
        _ id: String,
        _ name: String,
        by caller: Principal
    ) async throws(ManagementError) -> CameraGroup
    func removeGroup(_ id: String, by caller: Principal) async throws(ManagementError)
    func addDevice(
        _ device: String,
        toGroup id: String,
        by caller: Principal
    ) async throws(ManagementError) -> CameraGroup
    func removeDevice(
        _ device: String,
        fromGroup id: String,
        by caller: Principal
    ) async throws(ManagementError)
}

/// Sessions as their user sees them.
package protocol UserSessionPoint: Sendable {
    /// Newest first; tokens among them.
    func sessions(of caller: Principal) async throws(ManagementError) -> [UserSession]
    func endSession(_ id: String, by caller: Principal) async throws(ManagementError)
    func endOtherSessions(of caller: Principal) async throws(ManagementError)
    /// The secret is shown once.
    func addToken(
        _ name: String,
        _ scopes: Scopes,
        until expiresAt: WallTime?,
        by caller: Principal
    ) async throws(ManagementError) -> (session: UserSession, token: Secret)
    /// What this session has opened ends with it.
    func note(_ lease: LeaseID, on channel: ChannelAddress, of caller: Principal) async
}

/// What somebody is known by.
package struct AccountRecord: Sendable, Equatable {
    package var user: UserName
    package var role: Role
    package var totpEnabled: Bool
    package var recoveryCodesLeft: Int

    package init(user: UserName, role: Role, totpEnabled: Bool, recoveryCodesLeft: Int) {
        self.user = user
        self.role = role
        self.totpEnabled = totpEnabled
        self.recoveryCodesLeft = recoveryCodesLeft
    }
}

/// Passwords and second factors (RFC 6238). `address` is the client's: wrong answers count for lock-outs as at the door.
package protocol CredentialPoint: Sendable {
    func account(of caller: Principal) async throws(ManagementError) -> AccountRecord
    /// All other sessions end.
    func changePassword(
        _ password: Secret,
        to new: Secret,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError)
    /// A secret that counts when a code of it was shown. `uri` is what authenticators scan.
    func beginTOTP(
        _ password: Secret,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) -> (secret: Secret, uri: Secret)
    /// Recovery codes, each for one login, shown once.
    func confirmTOTP(
        _ code: Secret,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError) -> [Secret]
    func endTOTP(
        _ password: Secret,
        code: Secret?,
        by caller: Principal,
        from address: String
    ) async throws(ManagementError)
    /// By an operator; all sessions of the user end.
    func resetPassword(
        of user: String,
        to new: Secret,
        by caller: Principal
    ) async throws(ManagementError)
    /// By an operator, for whoever lost the authenticator and the codes.
    func resetTOTP(of user: String, by caller: Principal) async throws(ManagementError)
}

package typealias AccessPoint = SharePoint & HouseholdPoint & CameraGroupPoint & UserSessionPoint
    & CredentialPoint

/// Who watches now, for whoever ends it when a right ends.
package struct LiveWatch: Hashable, Sendable {
    package var user: UserName
    package var channel: ChannelAddress

    package init(user: UserName, channel: ChannelAddress) {
        self.user = user
        self.channel = channel
    }
}

package protocol LiveAudience: Sendable {
    /// Those that watch, wait, or hold a lease or a ticket that may still open something.
    func watches() async -> [LiveWatch]
    func dismiss(_ user: UserName, from channel: ChannelAddress) async -> Bool
    /// The same for one lease.
    func revoke(_ lease: LeaseID, of channel: ChannelAddress) async
}
