import HSSModel

/// A pan-tilt-zoom head that does not exist: where it looks at any moment, and its presets (Table I.2-17).
///
/// A move goes on until the next command or its end stop; a position is a function of time, so that a head that
/// turns costs nothing between two looks at it.
struct VirtualHead: Sendable, Equatable {
    /// Degrees right and up of the middle; percent of the zoom.
    struct Position: Sendable, Equatable {
        var pan = 0.0
        var tilt = 0.0
        var zoom = 0.0

        static let least = Position(pan: -180, tilt: -90, zoom: 0)
        static let most = Position(pan: 180, tilt: 90, zoom: 100)
        /// What full speed (100) covers in a second.
        static let fullSpeed = Position(pan: 60, tilt: 30, zoom: 25)

        var clamped: Position {
            func within(_ part: KeyPath<Position, Double>) -> Double {
                min(max(self[keyPath: part], Self.least[keyPath: part]), Self.most[keyPath: part])
            }
            return Position(pan: within(\.pan), tilt: within(\.tilt), zoom: within(\.zoom))
        }
    }

    /// Table I.2-17: preset IDs are 0 to 255.
    static let presetIDs = 0...255

    private var origin = Position()
    private var since: Instant
    private var rate = Position()
    /// Where the motion ends by itself.
    private var lowest = Position.least
    private var highest = Position.most
    /// Where it travels to.
    private var goal: Position?
    private(set) var presets: [Int: Position] = [:]

    init(at now: Instant) {
        since = now
    }

    func position(at now: Instant) -> Position {
        let seconds = max(0, (now - since).inSeconds)
        func reached(_ part: KeyPath<Position, Double>) -> Double {
            let value = origin[keyPath: part] + rate[keyPath: part] * seconds
            return min(max(value, lowest[keyPath: part]), highest[keyPath: part])
        }
        return Position(pan: reached(\.pan), tilt: reached(\.tilt), zoom: reached(\.zoom))
    }

    mutating func carryOut(_ command: PTZCommand, at now: Instant) {
        let here = position(at: now)
        // Steps that come one upon the other add up.
        let start = goal ?? here
        switch command {
        case .stop: rest(at: here, now)
        case .move(let direction, let speed):
            rest(at: here, now)
            let way = direction.way
            let share = Double(min(max(speed, 0), 100)) / 100
            rate = Position(
                pan: way.pan * Position.fullSpeed.pan * share,
                tilt: way.tilt * Position.fullSpeed.tilt * share,
                zoom: way.zoom * Position.fullSpeed.zoom * share
            )
        case .step(let direction, let size):
            // A step of 0, which is the table's default, is the smallest that the head can do.
            let amount = Double(min(max(size, 1), 100))
            let way = direction.way
            let target = Position(
                pan: start.pan + way.pan * amount,
                tilt: start.tilt + way.tilt * amount,
                zoom: start.zoom + way.zoom * amount
            )
            rest(at: here, now)
            travel(from: here, to: target)
        case .goToPreset(let id):
            guard let target = presets[id] else { break }
            rest(at: here, now)
            travel(from: here, to: target)
        case .setPreset(let id):
            if Self.presetIDs.contains(id) { presets[id] = here }
        case .clearPreset(let id): presets[id] = nil
        }
    }

    private mutating func rest(at here: Position, _ now: Instant) {
        origin = here
        since = now
        rate = Position()
        lowest = .least
        highest = .most
        goal = nil
    }

    /// At full speed on every axis, each until it is there.
    private mutating func travel(from here: Position, to target: Position) {
        let goal = target.clamped
        self.goal = goal
        func aim(_ part: WritableKeyPath<Position, Double>) {
            let end = goal[keyPath: part]
            rate[keyPath: part] = Position.fullSpeed[keyPath: part] * (end < here[keyPath: part] ? -1 : 1)
            lowest[keyPath: part] = min(end, here[keyPath: part])
            highest[keyPath: part] = max(end, here[keyPath: part])
        }
        aim(\.pan)
        aim(\.tilt)
        aim(\.zoom)
    }
}

extension PTZDirection {
    /// One in each direction that it means.
    fileprivate var way: VirtualHead.Position {
        switch self {
        case .up: .init(tilt: 1)
        case .down: .init(tilt: -1)
        case .left: .init(pan: -1)
        case .right: .init(pan: 1)
        case .upLeft: .init(pan: -1, tilt: 1)
        case .upRight: .init(pan: 1, tilt: 1)
        case .downLeft: .init(pan: -1, tilt: -1)
        case .downRight: .init(pan: 1, tilt: -1)
        case .zoomIn: .init(zoom: 1)
        case .zoomOut: .init(zoom: -1)
        }
    }
}
