import HSSModel
import Vd

/// Where the upgrade of a unit stands (Tables I.2-7 and I.2-8).
struct FirmwareUpgrade: Sendable, Equatable {
    enum Stage: Sendable, Equatable {
        case notStarted
        case downloading, installing
        case done
        case failed
    }

    private(set) var stage = Stage.notStarted
    /// Percent of the whole way: the download is the first half of it.
    private(set) var progress = 0
    /// The version that is on its way.
    private(set) var model: String?
    /// When the last one ended well, by the unit's clock.
    private(set) var lastDone: WallTime?

    /// The heartbeat tells it (state 2, Table I.2-1).
    var isRunning: Bool { stage == .downloading || stage == .installing }

    var state: UpgradeState {
        switch stage {
        case .notStarted: .notStarted
        case .downloading: .downloading
        case .installing: .installing
        case .done: .done
        case .failed: .error
        }
    }

    mutating func start(_ model: String) {
        stage = .downloading
        progress = 0
        self.model = model
    }

    mutating func downloaded(percent: Int) {
        guard stage == .downloading else { return }
        progress = max(progress, min(max(percent, 0), 100) / 2)
    }

    mutating func install() {
        guard stage == .downloading else { return }
        stage = .installing
        progress = 50
    }

    mutating func installed(percent: Int) {
        guard stage == .installing else { return }
        progress = max(progress, 50 + min(max(percent, 0), 99) / 2)
    }

    mutating func finish(at time: WallTime?) {
        stage = .done
        progress = 100
        lastDone = time ?? lastDone
    }

    mutating func fail() {
        stage = .failed
    }
}
