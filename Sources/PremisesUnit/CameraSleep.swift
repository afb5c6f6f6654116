import HSSModel
import Vd

/// What keeps a camera in touch while its main chip is off: for the chip that stays on.
///
/// It opens one TCP connection to the server, sends ``heartbeat`` at once and in each interval, and powers the main chip
/// on when ``wakeUp`` comes. A connection that breaks is opened again.
public struct CameraSleep: Sendable, Equatable {
    public let host: String
    public let port: Int
    /// Seconds between two heartbeats.
    public let interval: Int
    /// 40 bytes. Secret: whoever has them can pass for the sleeping camera.
    public let heartbeat: [UInt8]
    /// 8 bytes.
    public let wakeUp: [UInt8]

    init(_ order: HibernationOrder) {
        host = order.host
        port = order.port
        interval = Int(order.interval.wholeMilliseconds / 1000)
        heartbeat = order.heartbeat.encoded()
        wakeUp = WakeUp.bytes
    }
}

extension CameraSleep: CustomStringConvertible, CustomReflectable {
    /// Without the heartbeat: it must not reach a log.
    public var description: String { "sleeps and listens to \(host):\(port)" }
    public var customMirror: Mirror { Mirror(self, children: ["host": host, "port": port]) }
}

extension Camera {
    /// Sleep now rather than after ``Configuration/sleepAfter``: once nothing is under way, and not before the time for
    /// which the platform asked the camera to stay awake (Table I.2-26). Nothing happens where it sleeps, where it never
    /// sleeps, or where the platform has no way to wake it.
    public func sleep() { give(.tired) }

    /// Somebody pressed a button, or the main chip is on again: logs in at once. Alarms and bind codes wake by themselves.
    /// Nothing happens where the camera is awake.
    public func wake() { give(.roused) }
}
