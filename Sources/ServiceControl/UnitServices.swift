import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import Synchronization
import Vd

/// What connections share: settings, figures, and the way to the registry for things that take time.
final class UnitServices: Sendable {
    let settings: SignallingSettings
    let metrics: SignallingMetrics
    let requests: UnitRequestTable
    private let admission: any UnitAdmission
    private let logger: Logger
    /// The port of the hibernation server once it listens.
    let hibernationPort = Atomic(0)

    init(
        settings: SignallingSettings,
        admission: any UnitAdmission,
        requests: UnitRequestTable,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.settings = settings
        self.requests = requests
        self.admission = admission
        self.metrics = SignallingMetrics(metrics)
        self.logger = logger
    }

    func admit(_ login: UnitLogin) async throws(AdmissionError) -> UnitRegistration {
        do throws(AdmissionError) {
            let registration = try await admission.admit(login)
            metrics.loginsAccepted.add()
            return registration
        } catch {
            switch error {
            case .refused: metrics.loginsRefused.add()
            case .lockedOut: metrics.loginsLockedOut.add()
            case .unavailable(let reason):
                metrics.loginsFailed.add()
                logger.error("a login cannot be checked", metadata: ["reason": "\(reason)"])
            }
            throw error
        }
    }

    /// Where this unit keeps in touch, awake and asleep.
    func serverInfo(for registration: UnitRegistration) -> ServerInfo {
        let port = hibernationPort.load(ordering: .relaxed)
        guard port != 0,
            let info = settings.hibernation?.serverInfo(for: registration.macIdentity, port: port)
        else { return settings.serverInfo }
        return info
    }

    /// How long this unit may say nothing over Vd. One that may sleep was given the interval of the hibernation
    /// server, and some take it for Vd too.
    func silence(of registration: UnitRegistration) -> Duration {
        guard let hibernation = settings.hibernation,
            HibernationIdentity(registration.macIdentity) != nil
        else { return settings.offlineAfter }
        return max(settings.offlineAfter, hibernation.silence)
    }

    func unitConnected(_ unit: UnitID, _ login: UnitLogin) {
        logger.info(
            "unit connected",
            metadata: [
                "unit": "\(unit)", "address": "\(login.remoteAddress)", "firmware": "\(login.firmwareModel)",
                "reconnect": "\(login.reconnect)",
            ]
        )
        admission.noteArrival(
            UnitArrival(
                unit: unit,
                hardwareModel: login.hardwareModel,
                firmwareModel: login.firmwareModel,
                restarted: !login.reconnect,
                time: .now
            )
        )
    }

    func unitDisconnected(_ unit: UnitID) {
        admission.noteSeen(unit, at: .now)
    }

    /// A connection ended. Counted by kind; a peer that misbehaves often is not logged each time.
    func ended(_ unit: UnitID, _ reason: CloseReason) {
        metrics.closed(reason)
        logger.debug("unit connection ended", metadata: ["unit": "\(unit)", "reason": "\(reason)"])
    }

    /// A unit reported the code that its customer showed to it (Table I.2-3). `finished` is called from
    /// wherever the answer arrives.
    func bind(_ unit: UnitID, code: String, finished: @escaping @Sendable () -> Void) {
        Task {
            do throws(BindRefusal) {
                let owner = try await admission.bind(unit, code: code)
                metrics.binds.add()
                logger.notice("unit bound", metadata: ["unit": "\(unit)", "user": "\(owner)"])
            } catch {
                metrics.bindsRefused.add()
                logger.info("bind refused", metadata: ["unit": "\(unit)", "reason": "\(error)"])
            }
            finished()
        }
    }
}
