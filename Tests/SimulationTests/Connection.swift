import Bus
import HSSModel
import Logging
import NIOCore
import PremisesUnit
import ServerKit
import Vd

@testable import ServiceControl

/// Names one connection between unit and platform.
struct ConnectionID: Hashable {
    var number: Int
}

/// One Vd connection with the network in between. Each direction keeps its order, as TCP does; a direction that has
/// gone dead stays so, and nobody is told.
struct Connection {
    /// The unit's attempt and the life (between two power cuts) in which it was made; nil: nobody is behind it, a
    /// middle box repeated the login.
    let attempt: (life: Int, id: AttemptID)?
    var session = RPCSession()
    /// Of the platform; nil until the login arrives.
    var link: UnitLink?
    var isOpenAtUnit = true
    var isOpenAtPlatform = false
    var losesToUnit = false
    var losesToPlatform = false
    /// When the last thing in each direction arrives.
    var lastToUnit = Instant(nanoseconds: 0)
    var lastToPlatform = Instant(nanoseconds: 0)
    var wakeAt: Instant?
}

/// Real connections of the real registry, without sockets: made on an event loop, as ``UnitLink`` wants it.
struct LinkMaker {
    static let registration = UnitRegistration(
        unit: UnitID(unchecked: "cam-1"),
        macIdentity: MACIdentity(unchecked: "001122334455"),
        channels: [0: ChannelID(unchecked: "c0"), 1: ChannelID(unchecked: "c1")]
    )
    private static let login = UnitLogin(
        loginCode: "cam-1",
        password: Secret("p"),
        hardwareModel: "h",
        firmwareModel: "1",
        sdk: nil,
        reconnect: false,
        remoteAddress: "192.0.2.1"
    )

    let loop: any EventLoop
    let sweeper: LoopSweeper
    let services: UnitServices

    init(loop: any EventLoop, sweeper: LoopSweeper) {
        self.loop = loop
        self.sweeper = sweeper
        services = UnitServices(
            settings: SignallingSettings(node: NodeName(unchecked: "n")),
            admission: NobodyIsAdmitted(),
            requests: UnitRequestTable(),
            metrics: MetricRegistry(),
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func link(in registry: UnitRegistry) -> UnitLink {
        let handler = VdHandler(
            login: Self.login,
            registration: Self.registration,
            dialect: .recommendation,
            units: registry,
            services: services,
            sweeper: sweeper
        )
        return UnitLink(
            registration: Self.registration,
            login: Self.login,
            epoch: registry.nextEpoch(),
            silence: .seconds(60),
            handler: handler,
            loop: loop
        )
    }
}

/// Logins are the link's business here.
private struct NobodyIsAdmitted: UnitAdmission {
    func admit(_ login: UnitLogin) async throws(AdmissionError) -> UnitRegistration { throw .refused }
    func registration(of macIdentity: MACIdentity) async throws(AdmissionError) -> UnitRegistration {
        throw .refused
    }
    func bind(_ unit: UnitID, code: String) async throws(BindRefusal) -> UserName { throw .unknownCode }
    func noteArrival(_ arrival: UnitArrival) {}
    func noteSeen(_ unit: UnitID, at time: WallTime) {}
}
