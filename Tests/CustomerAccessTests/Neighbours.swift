import Bus
import HSSModel
import Synchronization

/// The other roles as one API sees them. `anna` (token `anna`) owns `cam-1`; `root` (token `root`) is the operator;
/// `cam-2` belongs to somebody else, and `cam-3` is bert's, who lets anna play its recordings.
final class Neighbours: AccountPoint, DevicePoint, ServiceControlPoint, MediaDistributor, ChannelPictures {
    private struct State {
        var calls: [String] = []
        var managementFailure: ManagementError?
        var liveFailure: LiveError?
        var mediaFailure: MediaError?
        var offerFailure: MediaError?
        var pictureFailure: PictureError?
        /// Looks at access tokens that are still answered with yes; nil: all.
        var goodChecks: Int?
    }

    static let time = WallTime(milliseconds: 1_763_712_000_000)
    static let seen = "2025-11-21T08:00:00Z"

    private let state = Mutex(State())

    /// What was asked for, in order.
    var calls: [String] { state.withLock { $0.calls } }
    func fail(_ failure: ManagementError?) { state.withLock { $0.managementFailure = failure } }
    func fail(_ failure: LiveError?) { state.withLock { $0.liveFailure = failure } }
    func fail(_ failure: PictureError?) { state.withLock { $0.pictureFailure = failure } }
    func fail(_ failure: MediaError?) { state.withLock { $0.mediaFailure = failure } }
    func refuseRenditions(_ failure: MediaError?) { state.withLock { $0.offerFailure = failure } }

    /// Tokens are good for this many checks more; nil: for ever.
    func endSessions(after checks: Int?) { state.withLock { $0.goodChecks = checks } }

    private func isGood() -> Bool {
        state.withLock {
            guard let left = $0.goodChecks else { return true }
            $0.goodChecks = max(0, left - 1)
            return left > 0
        }
    }

    private func note(_ call: String) throws(ManagementError) {
        let failure = state.withLock { state in
            state.calls.append(call)
            return state.managementFailure
        }
        if let failure { throw failure }
    }

    private func noteOnly(_ call: String) { state.withLock { $0.calls.append(call) } }

    private func onlyOperator(_ caller: Principal) throws(ManagementError) {
        guard caller.role == .operator else { throw .forbidden }
    }

    static func device(_ id: String, owner: String? = "anna") -> DeviceRecord {
        DeviceRecord(
            unit: UnitID(unchecked: id),
            macIdentity: MACIdentity(unchecked: "00:11:22:33:44:55"),
            name: "Door",
            channels: [0: ChannelID(unchecked: "\(id)-0"), 1: ChannelID(unchecked: "\(id)-1")],
            disabled: false,
            owner: owner.map { UserName(unchecked: $0) },
            hardwareModel: "cam-a",
            firmwareModel: "1.0",
            lastSeen: time,
            createdAt: time
        )
    }

    // MARK: Accounts

    func openSession(_ login: PersonLogin) async throws(ManagementError) -> SessionTokens {
        let narrowed = login.scopes == .all ? "" : " for \(login.scopes.words.joined(separator: " "))"
        try note("openSession \(login.user) from \(login.address)\(narrowed)")
        guard login.user == "anna", login.password.reveal() == "right" else { throw .unauthenticated }
        return SessionTokens(access: Secret("anna"), refresh: Secret("again"), expiresIn: 900)
    }

    func refreshSession(_ refresh: Secret) async throws(ManagementError) -> SessionTokens {
        try note("refreshSession")
        guard refresh.reveal() == "again" else { throw .unauthenticated }
        return SessionTokens(access: Secret("anna"), refresh: Secret("once more"), expiresIn: 900)
    }

    func closeSession(access: Secret) async throws(ManagementError) { try note("closeSession") }

    func principal(access: Secret) async throws(ManagementError) -> Principal {
        guard isGood() else { throw .unauthenticated }
        return switch access.reveal() {
        case "anna": Principal(user: UserName(unchecked: "anna"), role: .customer)
        case "root": Principal(user: UserName(unchecked: "root"), role: .operator)
        case let token where token.hasPrefix("anna for "):
            // A token of hers that is narrowed to these scopes.
            Principal(
                user: UserName(unchecked: "anna"),
                role: .customer,
                scopes: Scopes(text: token.replacing("anna for ", with: "")) ?? [],
                session: UserSessionID(unchecked: "narrow")
            )
        default: throw .unauthenticated
        }
    }

    func addUser(
        _ name: String,
        password: Secret,
        role: Role,
        by caller: Principal
    ) async throws(ManagementError) -> UserRecord {
        try onlyOperator(caller)
        try note("addUser \(name) \(role)")
        guard let user = UserName(rawValue: name) else { throw .invalid(field: "user", "1 to 64 characters") }
        return UserRecord(name: user, role: role, disabled: false, createdAt: Self.time)
    }

    func users(
        after: UserName?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [UserRecord] {
        try onlyOperator(caller)
        try note("users after \(after?.rawValue ?? "-") limit \(limit)")
        return ["anna", "bert", "cleo"].filter { $0 > after?.rawValue ?? "" }.prefix(limit).map {
            UserRecord(name: UserName(unchecked: $0), role: .customer, disabled: false, createdAt: Self.time)
        }
    }

    func setUser(
        _ name: String,
        disabled: Bool,
        by caller: Principal
    ) async throws(ManagementError) -> UserRecord {
        try onlyOperator(caller)
        try note("setUser \(name) \(disabled)")
        guard name == "bert" else { throw .notFound("user \(name)") }
        let user = UserName(unchecked: name)
        return UserRecord(name: user, role: .customer, disabled: disabled, createdAt: Self.time)
    }

    // MARK: Devices

    func devices(
        after: UnitID?,
        limit: Int,
        visibleTo caller: Principal
    ) async throws(ManagementError) -> [VisibleDevice] {
        try note("devices after \(after?.rawValue ?? "-") limit \(limit)")
        return ["cam-1", "cam-3"].filter { $0 > after?.rawValue ?? "" }.prefix(limit).map {
            $0 == "cam-1" ? VisibleDevice(device: Self.device($0), rights: .owner) : Self.guest
        }
    }

    func device(_ id: String, visibleTo caller: Principal) async throws(ManagementError) -> VisibleDevice {
        try note("device \(id)")
        switch id {
        case "cam-1": return VisibleDevice(device: Self.device(id), rights: .owner)
        case "cam-3": return Self.guest
        case "cam-4":  // Bert's too, and he lets anna do everything.
            return VisibleDevice(device: Self.device(id, owner: "bert"), rights: .owner, role: .guest)
        case "cam-2" where caller.role == .operator:
            return VisibleDevice(device: Self.device(id, owner: "bert"), rights: [], role: .operator)
        default: throw .notFound("device \(id)")
        }
    }

    /// `cam-3`, which bert shares with anna.
    private static let guest = VisibleDevice(
        device: device("cam-3", owner: "bert"),
        rights: [.playback],
        role: .guest
    )

    func issueBindCode(for caller: Principal) async throws(ManagementError) -> BindCode {
        try note("issueBindCode")
        return BindCode(code: Secret("ABCD-EFGH-JKMN-PQRS"), expiresAt: Self.time)
    }

    func unbind(_ id: String, by caller: Principal) async throws(ManagementError) {
        try note("unbind \(id)")
        guard id == "cam-1" else { throw .notFound("device \(id)") }
    }

    func addDevice(
        _ device: NewDevice,
        by caller: Principal
    ) async throws(ManagementError) -> EnrolledDevice {
        try onlyOperator(caller)
        let mark = device.signedOnly ? " signed only" : ""
        try note("addDevice \(device.deviceID) \(device.macID) \(device.channels)\(mark)")
        guard device.deviceID != "cam-1" else { throw .conflict("device cam-1 exists already") }
        return EnrolledDevice(device: Self.device(device.deviceID, owner: nil), loginPassword: Secret("made"))
    }

    func allDevices(
        after: UnitID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [DeviceRecord] {
        try onlyOperator(caller)
        try note("allDevices after \(after?.rawValue ?? "-") limit \(limit)")
        return ["cam-1", "cam-2", "cam-3"].filter { $0 > after?.rawValue ?? "" }.prefix(limit).map {
            Self.device($0)
        }
    }

    func setDevice(
        _ id: String,
        disabled: Bool,
        by caller: Principal
    ) async throws(ManagementError) -> DeviceRecord {
        try onlyOperator(caller)
        try note("setDevice \(id) \(disabled)")
        guard id == "cam-1" else { throw .notFound("device \(id)") }
        var device = Self.device(id)
        device.disabled = disabled
        return device
    }

    func removeDevice(_ id: String, by caller: Principal) async throws(ManagementError) {
        try onlyOperator(caller)
        try note("removeDevice \(id)")
        guard id == "cam-1" else { throw .notFound("device \(id)") }
    }

    // MARK: Service control

    func presence(of units: [UnitID]) async -> [UnitID: UnitPresence] {
        var known: [UnitID: UnitPresence] = [:]
        for unit in units where unit.rawValue == "cam-1" { known[unit] = Self.presence }
        return known
    }

    static let presence = UnitPresence(
        node: NodeName(unchecked: "n1"),
        epoch: Epoch(7),
        state: .online,
        hardwareModel: "H",
        firmwareModel: "2.0",
        remoteAddress: "192.0.2.1",
        connectedAt: time,
        lastSeen: time,
        connected: true,
        channels: [.init(number: 1, state: .online, streaming: true, recording: false, alarms: 4)]
    )

    func sessions(after: UnitID?, limit: Int) async -> [UnitSession] {
        after == nil ? [UnitSession(unit: UnitID(unchecked: "cam-1"), presence: Self.presence)] : []
    }

    func startLive(_ channel: ChannelAddress, for user: UserName) async throws(LiveError) -> LiveLease {
        noteOnly("startLive \(channel) \(user)")
        if let failure = state.withLock({ $0.liveFailure }) { throw failure }
        return LiveLease(stream: StreamID(unchecked: "s1"), lease: LeaseID(unchecked: "l1"))
    }

    func stopLive(_ channel: ChannelAddress, lease: LeaseID?, for user: UserName) async {
        noteOnly("stopLive \(channel) \(lease?.rawValue ?? "all") \(user)")
    }

    func liveStatus(of channel: ChannelAddress) async -> LiveStatus {
        guard channel.number == 0 else {
            return LiveStatus(lastEnd: PublisherEnd(reason: .unsupportedCodec, time: Self.time))
        }
        return LiveStatus(
            activity: .live,
            stream: StreamID(unchecked: "s1"),
            since: Self.time,
            viewers: 3,
            audience: [UserName(unchecked: "bert"): 2, UserName(unchecked: "anna"): 1]
        )
    }

    func holders(of leases: [LeaseID], on stream: StreamID) async -> [LeaseID: UserName] {
        [LeaseID(unchecked: "l1"): UserName(unchecked: "anna")].filter { leases.contains($0.key) }
    }

    func dismiss(_ user: UserName, from channel: ChannelAddress) async -> Bool {
        noteOnly("dismiss \(user) from \(channel)")
        return user.rawValue == "bert"
    }

    func withdraw(_ user: UserName) async {}
    func disconnect(_ unit: UnitID) async {}

    // MARK: Pictures

    /// Three seconds old at ``time``.
    func picture(of channel: ChannelAddress, width: Int?) async throws(PictureError) -> Picture {
        noteOnly("picture of \(channel) \(width ?? 0)")
        if let failure = state.withLock({ $0.pictureFailure }) { throw failure }
        return Picture(jpeg: [0xFF, 0xD8, 1, 2, 3], width: width, takenAt: Self.time + .milliseconds(250))
    }

    // MARK: Media

    func openIngest(_ order: IngestOrder) async throws(MediaError) -> IngestAddress {
        throw .unavailable("not for customers")
    }

    func close(_ stream: StreamID) async {}
    func dismiss(_ leases: [LeaseID], of stream: StreamID) async {}

    func checkOffer(of rendition: Rendition) async throws(MediaError) {
        if rendition != .original, let failure = state.withLock({ $0.offerFailure }) { throw failure }
    }

    func play(
        _ stream: StreamID,
        lease: LeaseID,
        rendition: Rendition,
        validFor: Duration
    ) async throws(MediaError) -> PlayAddresses {
        if rendition != .original { noteOnly("play \(rendition.rawValue)") }
        if let failure = state.withLock({ $0.mediaFailure }) { throw failure }
        return PlayAddresses(
            srt: Secret("srt://h"),
            ts: Secret("https://h/s1.ts"),
            hls: Secret("https://h/s1/index.m3u8"),
            ws: Secret("wss://h/s1.ws"),
            jpeg: Secret("https://h/s1.jpg"),
            expiresAt: Self.time
        )
    }

    func streams() async -> [StreamStatus] {
        ["s2", "s1"].map {
            StreamStatus(
                stream: StreamID(unchecked: $0),
                source: ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 0),
                epoch: Epoch(1),
                publishing: true,
                viewers: 2,
                bytesReceived: 10,
                bytesSent: 20,
                packetsLost: 0,
                startedAt: Self.time
            )
        }
    }

    func stream(_ stream: StreamID, viewersAfter: ViewerID?, limit: Int) async -> StreamDetail? {
        guard let status = await streams().first(where: { $0.stream == stream }) else { return nil }
        var srt = SRTFigures()
        srt.msRtt = 21.5
        srt.packetsSent = 900
        let viewers = (1...3).map { number in
            ViewerStatus(
                id: ViewerID(rawValue: UInt64(number)),
                lease: LeaseID(unchecked: "l\(number)"),
                kind: number == 1 ? .srt : .ts,
                peer: "192.0.2.9:4000",
                isEncrypted: true,
                connectedSince: Self.time,
                bytesSent: 1000,
                bitrate: 8000,
                skipped: 0,
                queuedBytes: 5,
                srt: number == 1 ? srt : nil
            )
        }
        let publisher = PublisherStatus(
            kind: .srt,
            peer: "192.0.2.1:5000",
            isEncrypted: true,
            connectedSince: Self.time,
            bytesReceived: 10,
            bitrate: 2_000_000,
            latency: .milliseconds(400),
            srt: srt
        )
        let page = viewers.filter { $0.id > viewersAfter ?? ViewerID(rawValue: 0) }.prefix(limit)
        return StreamDetail(stream: status, publisher: publisher, viewers: Array(page))
    }

    func kick(_ viewer: ViewerID, of stream: StreamID) async -> Bool {
        noteOnly("kick \(viewer) of \(stream)")
        return stream.rawValue == "s1" && viewer.rawValue == 1
    }

    func kickPublisher(of stream: StreamID) async -> Bool {
        noteOnly("kick the publisher of \(stream)")
        return true
    }

    func trim(_ lease: LeaseID, of stream: StreamID, to count: Int) async {}

    func events() async -> AsyncStream<MediaEvent> { AsyncStream { $0.finish() } }
}
