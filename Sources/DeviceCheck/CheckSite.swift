import HSSModel
import HostClock
import NIOCore
import Vd
import Vs

/// A login that is not let in, in words for whoever looks at the device.
struct LoginRefusal: Error {
    var reason: String
}

/// Joins the sockets to the ``CheckMachine``. Only used on its event loop; decides nothing.
final class CheckSite {
    /// Connections of any kind.
    var open = 0
    private let settings: CheckSettings
    private let signalling: (domain: String, port: Int, isSecure: Bool)
    private let media: CheckMedia?
    private let loop: any EventLoop
    private let tell: (CheckFinding) -> Void
    private let done: EventLoopPromise<CheckReport>
    private var machine: CheckMachine
    private var peers: [CheckConnection: CheckVdHandler] = [:]
    private var lastConnection = 0
    private var timer: Scheduled<Void>?
    private var isOver = false

    init(
        _ settings: CheckSettings,
        signalling: (domain: String, port: Int, isSecure: Bool),
        media: CheckMedia?,
        on loop: any EventLoop,
        tell: @escaping @Sendable (CheckFinding) -> Void,
        done: EventLoopPromise<CheckReport>
    ) {
        self.settings = settings
        self.signalling = signalling
        self.media = media
        self.loop = loop
        self.tell = tell
        self.done = done
        machine = CheckMachine(settings, at: .now, wall: .now)
        let bound = NIOLoopBound(self, eventLoop: loop)
        media?.start(on: loop) { bound.value.receive($0) }
        receive(.wake)
    }

    func receive(_ input: CheckMachine.Input) {
        guard !isOver else { return }
        for action in machine.receive(input, at: .now) {
            switch action {
            case .send(let id, let message): peers[id]?.send(message.encoded())
            case .sendBytes(let id, let bytes): peers[id]?.send(bytes)
            case .close(let id): peers.removeValue(forKey: id)?.close()
            case .report(let finding): tell(finding)
            case .finish: return stop()
            }
        }
        timer?.cancel()
        guard let wake = machine.nextWake else { return }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let delay = TimeAmount.nanoseconds(max(0, (wake - .now).wholeNanoseconds))
        timer = loop.scheduleTask(in: delay) { bound.value.receive(.wake) }
    }

    /// What is open ends, and whatever was not looked at is told so.
    func interrupt() { receive(.interrupt) }

    /// Nothing is heard for so long: the connection is dead.
    var idleTime: TimeAmount { .seconds(Int64(max(120, settings.heartbeatSeconds * 4))) }

    /// Ends whatever is open and hands the report out, once.
    private func stop() {
        guard !isOver else { return }
        isOver = true
        timer?.cancel()
        media?.stop()
        for peer in peers.values { peer.close() }
        peers = [:]
        done.succeed(machine.report)
    }

    // MARK: Vd

    /// Table 9-3, and the password that the check made.
    func login(_ uri: String) -> Result<UnitLoginURL, LoginRefusal> {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0] == UnitLoginURL.path else {
            return .failure(LoginRefusal(reason: "path: expected /Vd, found \(parts[0].prefix(64))"))
        }
        do throws(FieldError) {
            let url = try UnitLoginURL(parsing: parts.count > 1 ? parts[1] : "")
            guard url.deviceID == settings.device.rawValue else {
                let found = url.deviceID.prefix(64)
                return .failure(
                    LoginRefusal(reason: "login_code: expected \(settings.device), found \(found)")
                )
            }
            guard url.password == settings.password.reveal() else {
                return .failure(LoginRefusal(reason: "login_passwd: not the password that was given"))
            }
            return .success(url)
        } catch {
            return .failure(LoginRefusal(reason: error.description))
        }
    }

    func connected(_ handler: CheckVdHandler, _ url: UnitLoginURL) -> CheckConnection {
        lastConnection += 1
        let id = CheckConnection(lastConnection)
        peers[id] = handler
        receive(.login(id, url))
        return id
    }

    func disconnected(_ id: CheckConnection) {
        peers[id] = nil
        receive(.closed(id))
    }

    // MARK: Vs

    func schedule(macids: [String], headers: [String]) -> Result<SchedulingAnswer, SchedulingFailure> {
        do throws(SchedulingFailure) {
            let request = try SchedulingRequest(macids: macids, headers: headers)
            guard request.macIdentity.canonical == settings.macIdentity.canonical else { throw .unknownUnit }
        } catch {
            return .failure(error)
        }
        let (domain, port, isSecure) = signalling
        return .success(
            SchedulingAnswer(
                signalling: .init(domain: domain, port: isSecure ? 0 : port),
                signallingSecurePort: isSecure ? port : 0,
                peerToPeer: .none,
                relay: .none,
                hibernationDomain: "",
                syncTime: .now
            )
        )
    }
}
