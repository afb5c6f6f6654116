/// Whether, and after which pause, another process follows one that has ended.
struct RenditionRestarts {
    enum Decision: Equatable {
        /// The original changed its coding after a while.
        case atOnce
        case after(Duration, RenditionFailure)
        case giveUp(RenditionFailure)
    }

    static let mostFailures = 5
    /// A process that lived so long was no failure.
    private static let steadiness: Duration = .seconds(30)
    /// A unit that changes its coding faster makes more starts than pictures.
    private static let shortestCoding: Duration = .seconds(1)
    private static let firstPause: Duration = .milliseconds(250)

    private var failures = 0

    /// `failure` is `nil` where another header ended it.
    mutating func ended(_ failure: RenditionFailure?, after lifetime: Duration) -> Decision {
        if lifetime >= Self.steadiness { failures = 0 }
        let isShort = lifetime < Self.shortestCoding
        let change = RenditionFailure(reason: .changing, text: "the unit changes its coding all the time")
        guard let reason = failure ?? (isShort ? change : nil) else { return .atOnce }
        failures += 1
        guard failures < Self.mostFailures else { return .giveUp(reason) }
        return .after(Self.firstPause * (1 << (failures - 1)), reason)
    }
}
