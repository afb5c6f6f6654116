import Vd

/// Which way a pan-tilt-zoom head is to turn (Table I.2-17).
public enum PTZDirection: String, Sendable, CaseIterable {
    case up, down, left, right
    case upLeft = "upleft"
    case upRight = "upright"
    case downLeft = "downleft"
    case downRight = "downright"
    case zoomIn = "zoomin"
    case zoomOut = "zoomout"
}

/// What the platform wants of a head (Table I.2-17).
public enum PTZCommand: Sendable, Equatable {
    /// Until ``stop`` or another command; speed 0 to 100.
    case move(PTZDirection, speed: Int)
    /// Once, by 0 to 100; 0 is the smallest step that the head can do.
    case step(PTZDirection, size: Int)
    case stop
    /// Presets are 0 to 255. One that is not there changes nothing.
    case goToPreset(Int)
    case setPreset(Int)
    case clearPreset(Int)
}

extension PTZCommand {
    /// With the defaults of Table I.2-17.
    init(_ message: CtrlPTZ) {
        let value = message.effectiveValue
        switch message.operation {
        case .up: self = .move(.up, speed: value)
        case .down: self = .move(.down, speed: value)
        case .left: self = .move(.left, speed: value)
        case .right: self = .move(.right, speed: value)
        case .upLeft: self = .move(.upLeft, speed: value)
        case .upRight: self = .move(.upRight, speed: value)
        case .downLeft: self = .move(.downLeft, speed: value)
        case .downRight: self = .move(.downRight, speed: value)
        case .zoomIn: self = .move(.zoomIn, speed: value)
        case .zoomOut: self = .move(.zoomOut, speed: value)
        case .upStep: self = .step(.up, size: value)
        case .downStep: self = .step(.down, size: value)
        case .leftStep: self = .step(.left, size: value)
        case .rightStep: self = .step(.right, size: value)
        case .upLeftStep: self = .step(.upLeft, size: value)
        case .upRightStep: self = .step(.upRight, size: value)
        case .downLeftStep: self = .step(.downLeft, size: value)
        case .downRightStep: self = .step(.downRight, size: value)
        case .zoomInStep: self = .step(.zoomIn, size: value)
        case .zoomOutStep: self = .step(.zoomOut, size: value)
        case .stop: self = .stop
        case .gotoPreset: self = .goToPreset(value)
        case .setPreset: self = .setPreset(value)
        case .clearPreset: self = .clearPreset(value)
        }
    }
}
