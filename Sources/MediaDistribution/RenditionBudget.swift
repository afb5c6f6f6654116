import HSSModel

/// How much of the machine renditions take, and whether one more fits.
///
/// What runs counts with what it took over the last seconds. What has just begun has shown little of it yet and counts with
/// at least ``reservation``; so that many who come at once are not all let in before the first is seen.
struct RenditionBudget: Sendable {
    enum Shortage: Equatable, Sendable, CustomStringConvertible {
        case processes(Int)
        /// In hundredths of a core.
        case cores(used: Int, of: Int)

        var description: String {
            switch self {
            case .processes(let most): "\(most) are made already"
            case .cores(let used, let all):
                "\(used) % of the \(all) % of a core that they may take are in use"
            }
        }
    }

    /// Cores. 720p of 25 pictures takes 0.1 to 0.3.
    static let reservation = 0.25
    /// How long it takes until what one has taken says what it will take.
    static let settling: Duration = .seconds(8)
    private static let span: Duration = .seconds(5)

    private struct Look {
        var at: Instant
        var cpuTime: Duration
    }

    private struct Entry {
        var startedAt: Instant
        /// Oldest first, the newest and what is needed to tell of ``span``.
        var looks: [Look]
    }

    private let cores: Double
    private let processes: Int
    private var entries: [UInt64: Entry] = [:]

    init(cores: Double, processes: Int) {
        self.cores = cores
        self.processes = processes
    }

    /// Why one more does not fit now. The first always does, however small the share.
    func shortage(at now: Instant) -> Shortage? {
        guard !entries.isEmpty else { return nil }
        guard entries.count < processes else { return .processes(processes) }
        let taken = entries.keys.reduce(0) { $0 + claim(of: $1, at: now) }
        guard taken + Self.reservation > cores + 1e-9 else { return nil }
        return .cores(used: Int((taken * 100).rounded()), of: Int((cores * 100).rounded()))
    }

    mutating func begin(_ id: UInt64, at now: Instant) {
        entries[id] = Entry(startedAt: now, looks: [Look(at: now, cpuTime: .zero)])
    }

    mutating func end(_ id: UInt64) { entries[id] = nil }

    /// `cpuTime`: everything it has used since it began. Once a second or so.
    mutating func look(at cpuTime: Duration, of id: UInt64, now: Instant) {
        guard var entry = entries[id] else { return }
        entry.looks.append(Look(at: now, cpuTime: cpuTime))
        while entry.looks.count > 2, now - entry.looks[1].at >= Self.span { entry.looks.removeFirst() }
        entries[id] = entry
    }

    /// Cores that it takes now.
    func load(of id: UInt64) -> Double {
        guard let looks = entries[id]?.looks, let oldest = looks.first, let newest = looks.last else {
            return 0
        }
        let seconds = (newest.at - oldest.at).inSeconds
        return seconds > 0 ? max(0, (newest.cpuTime - oldest.cpuTime).inSeconds / seconds) : 0
    }

    private func claim(of id: UInt64, at now: Instant) -> Double {
        guard let entry = entries[id] else { return 0 }
        let isYoung = now - entry.startedAt < Self.settling
        return isYoung ? max(Self.reservation, load(of: id)) : load(of: id)
    }
}
