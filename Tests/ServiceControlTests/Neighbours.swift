import Bus
import HSSModel
import Synchronization
import Vd

/// The registry that the SCU asks (Ms), as the test wants it.
final class FakeAdmission: UnitAdmission {
    struct Device {
        var password: String
        var disabled = false
        var registration: UnitRegistration
    }

    private struct State {
        var devices: [String: Device] = [:]
        /// Every login ends like this.
        var failure: AdmissionError?
        var binds: [String] = []
        var bindsWait = false
        var logins: [UnitLogin] = []
    }

    private let state = Mutex(State())

    func enrol(_ id: String, mac: String, password: String, channels: Int = 2, disabled: Bool = false) {
        let unit = UnitID(unchecked: id)
        var names: [Int: ChannelID] = [:]
        for number in 0..<channels { names[number] = ChannelID(unchecked: "\(id)-\(number)") }
        let registration = UnitRegistration(
            unit: unit,
            macIdentity: MACIdentity(unchecked: mac),
            channels: names
        )
        state.withLock {
            $0.devices[id] = Device(password: password, disabled: disabled, registration: registration)
        }
    }

    func failAll(with failure: AdmissionError?) {
        state.withLock { $0.failure = failure }
    }

    /// Binds do not return while this is true.
    func hold(binds: Bool) {
        state.withLock { $0.bindsWait = binds }
    }

    var binds: [String] { state.withLock { $0.binds } }
    var logins: [UnitLogin] { state.withLock { $0.logins } }

    func admit(_ login: UnitLogin) async throws(AdmissionError) -> UnitRegistration {
        let (device, failure) = state.withLock {
            $0.logins.append(login)
            return ($0.devices[login.loginCode], $0.failure)
        }
        if let failure { throw failure }
        guard let device, login.proof == .password(Secret(device.password)), !device.disabled else {
            throw .refused
        }
        return device.registration
    }

    func registration(of macIdentity: MACIdentity) async throws(AdmissionError) -> UnitRegistration {
        let device = state.withLock { state in
            state.devices.values.first { $0.registration.macIdentity.canonical == macIdentity.canonical }
        }
        guard let device, !device.disabled else { throw .refused }
        return device.registration
    }

    func bind(_ unit: UnitID, code: String) async throws(BindRefusal) -> UserName {
        state.withLock { $0.binds.append("\(unit) \(code)") }
        _ = await eventually { !self.state.withLock { $0.bindsWait } }
        guard code == "GOOD" else { throw .unknownCode }
        return UserName(unchecked: "anna")
    }

    func noteArrival(_ arrival: UnitArrival) {}

    func noteSeen(_ unit: UnitID, at time: WallTime) {}
}

/// The media server that the SCU asks (Sm), as the test wants it.
final class FakeMedia: MediaDistributor {
    private struct State {
        var orders: [IngestOrder] = []
        var closed: [StreamID] = []
        var dismissed: [LeaseID] = []
        var trims: [String] = []
        var failure: MediaError?
    }

    private let state = Mutex(State())
    private let stream: AsyncStream<MediaEvent>
    private let continuation: AsyncStream<MediaEvent>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(of: MediaEvent.self)
    }

    func emit(_ event: MediaEvent) { continuation.yield(event) }
    func failAll(with failure: MediaError) { state.withLock { $0.failure = failure } }

    var orders: [IngestOrder] { state.withLock { $0.orders } }
    var dismissed: [LeaseID] { state.withLock { $0.dismissed } }
    var closed: [StreamID] { state.withLock { $0.closed } }

    func openIngest(_ order: IngestOrder) async throws(MediaError) -> IngestAddress {
        let failure = state.withLock { state in
            state.orders.append(order)
            return state.failure
        }
        if let failure { throw failure }
        return IngestAddress(url: Secret("srt://127.0.0.1:8890?streamid=\(order.stream)"))
    }

    func close(_ stream: StreamID) async { state.withLock { $0.closed.append(stream) } }

    func dismiss(_ leases: [LeaseID], of stream: StreamID) async {
        state.withLock { $0.dismissed += leases }
    }

    func checkOffer(of rendition: Rendition) async throws(MediaError) {}

    func play(
        _ stream: StreamID,
        lease: LeaseID,
        rendition: Rendition,
        validFor: Duration
    ) async throws(MediaError) -> PlayAddresses {
        throw .noSuchStream(stream)
    }

    func streams() async -> [StreamStatus] { [] }
    func stream(_ stream: StreamID, viewersAfter: ViewerID?, limit: Int) async -> StreamDetail? { nil }
    func kick(_ viewer: ViewerID, of stream: StreamID) async -> Bool { false }
    func kickPublisher(of stream: StreamID) async -> Bool { false }

    func trim(_ lease: LeaseID, of stream: StreamID, to count: Int) async {
        state.withLock { $0.trims.append("\(lease) \(count)") }
    }

    /// Leases with the number of viewers that they may keep.
    var trims: [String] { state.withLock { $0.trims } }
    func events() async -> AsyncStream<MediaEvent> { stream }
}

/// Looks every few milliseconds whether `condition` holds, for at most twenty seconds.
func eventually(_ condition: () async -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return false
}
