/// What a ``Camera`` tells its maker. Every call comes on the camera's own thread and must return at once; each has
/// an empty form, so that a maker writes only those that matter.
public protocol CameraDelegate: Sendable {
    /// The platform's clock is ahead of the host's by `offset`, more than 10 s either way (§9.3.1.1 step 3): set the
    /// host's by so much. False where it was left alone; the camera then counts the difference by itself.
    func correctClock(by offset: Duration) -> Bool

    /// Something for the log: `name` is one word for programs, `text` one line for people. Holds no secret.
    func happened(_ name: String, _ text: String)

    /// A media server takes the stream of the channel: the light that tells people that they are seen goes on.
    func pushStarted(channel: Int)

    /// Once for each ``pushStarted(channel:)``, before the next one of the channel.
    func pushEnded(channel: Int)

    /// A recording of the channel has begun, also of a channel that nobody looks at.
    func recordingStarted(channel: Int)

    /// Once for each ``recordingStarted(channel:)``. Its last segments may still be on their way.
    func recordingEnded(channel: Int)

    /// A segment is at the platform, or lost. A segment that was told to be lost may turn out to be saved.
    func segmentEnded(_ segment: CameraSegment)

    /// The platform takes signed logins, and the camera sends its password no more. Keep that, and start with
    /// ``CameraLogin/signed`` from now on, so that nobody in between gets the password after the next start.
    func signsLogins()

    /// The camera has left the platform and may power its main chip down; `sleep` is for the chip that stays on. As long
    /// as the process runs the SDK keeps in touch by itself, and logs in when it is wanted; a process that ends with the
    /// power calls ``Camera/run()`` again after it.
    func fellAsleep(_ sleep: CameraSleep)

    /// It is wanted, by the platform or by its own alarm, and logs in. Once for each ``fellAsleep(_:)``.
    func wokeUp()
}

extension CameraDelegate {
    public func correctClock(by offset: Duration) -> Bool { false }
    public func happened(_ name: String, _ text: String) {}
    public func pushStarted(channel: Int) {}
    public func pushEnded(channel: Int) {}
    public func recordingStarted(channel: Int) {}
    public func recordingEnded(channel: Int) {}
    public func segmentEnded(_ segment: CameraSegment) {}
    public func signsLogins() {}
    public func fellAsleep(_ sleep: CameraSleep) {}
    public func wokeUp() {}
}

/// What is wrong with the use of a ``Camera``, in words for its maker.
public struct CameraError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// For a ``CameraSource`` that cannot open a channel.
    public init(_ description: String) {
        self.description = description
    }
}
