import Vm

extension SignallingService {
    /// How long a unit goes on pushing after its last viewer (`live.linger`), of channels that become busy from now on.
    package func setLinger(_ linger: Duration) async { await director.setLinger(linger) }
}

extension LiveDirector {
    fileprivate func setLinger(_ linger: Duration) { timing.linger = linger }
}
