/// `op` of Table I.2-17.
package enum PTZOperation: String, Sendable, CaseIterable {
    case up, down, left, right
    case upLeft = "upleft"
    case upRight = "upright"
    case downLeft = "downleft"
    case downRight = "downright"
    case zoomIn = "zoomin"
    case zoomOut = "zoomout"
    case stop
    case gotoPreset = "goto_preset"
    case setPreset = "set_preset"
    case clearPreset = "clear_preset"
    case upStep = "up_step"
    case downStep = "down_step"
    case leftStep = "left_step"
    case rightStep = "right_step"
    case upLeftStep = "upleft_step"
    case upRightStep = "upright_step"
    case downLeftStep = "downleft_step"
    case downRightStep = "downright_step"
    case zoomInStep = "zoomin_step"
    case zoomOutStep = "zoomout_step"

    package enum Kind: Sendable {
        /// Goes on until `stop`; the value is a speed, 0 to 100, 50 unless told.
        case move
        case stop
        /// The value is a preset, 0 to 255, and required.
        case preset
        /// Ends by itself; the value is its size, 0 to 100, 0 unless told.
        case step
    }

    package var kind: Kind {
        switch self {
        case .up, .down, .left, .right, .upLeft, .upRight, .downLeft, .downRight, .zoomIn, .zoomOut: .move
        case .stop: .stop
        case .gotoPreset, .setPreset, .clearPreset: .preset
        case .upStep, .downStep, .leftStep, .rightStep, .upLeftStep, .upRightStep, .downLeftStep,
            .downRightStep, .zoomInStep, .zoomOutStep:
            .step
        }
    }
}

/// `CtrlPTZ` (Table I.2-17): turns, tilts or zooms one channel.
package struct CtrlPTZ: VdEvent {
    package static let name = "CtrlPTZ"
    package static let presets = 0...255
    package static let speeds = 0...100

    package var channel: Int
    package var operation: PTZOperation
    /// As told; ``effectiveValue`` is what counts. Always nil for `stop`, which ignores it.
    package var value: Int?

    package init(channel: Int, operation: PTZOperation, value: Int? = nil) {
        self.channel = channel
        self.operation = operation
        self.value = value
    }

    package init(_ object: JSONObject) throws(FieldError) {
        channel = try object.channel()
        operation = try object.choice("op")
        switch operation.kind {
        case .move, .step: value = try object.optionalInteger("value", Self.speeds)
        case .preset: value = try object.integer("value", Self.presets)
        case .stop: value = nil
        }
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("channel", channel)
            $0.field("op", operation.rawValue)
            $0.field("value", value)
        }
    }

    /// The value, or the table's default for what was not told.
    package var effectiveValue: Int {
        switch operation.kind {
        case .move: value ?? 50
        case .step, .preset, .stop: value ?? 0
        }
    }
}

/// `GetPTZPresetList` (Table I.2-18): asks which presets one channel has.
package struct GetPTZPresetList: VdRequest {
    package typealias Answer = PTZPresetList
    package static let name = "GetPTZPresetList"

    package var channel: Int

    package init(channel: Int) {
        self.channel = channel
    }

    package init(_ object: JSONObject) throws(FieldError) {
        channel = try object.channel()
    }

    package var object: JSONObject {
        JSONObject { $0.field("channel", channel) }
    }
}

/// The answer to ``GetPTZPresetList``.
package struct PTZPresetList: VdBody {
    /// In the unit's order, none twice.
    package var presets: [Int]

    package init(presets: [Int]) {
        self.presets = presets
    }

    package init(_ object: JSONObject) throws(FieldError) {
        presets = []
        let most = CtrlPTZ.presets.count
        for (index, preset) in try object.objects("presetList", most: most).enumerated() {
            do throws(FieldError) {
                presets.append(try preset.integer("ptzId", CtrlPTZ.presets))
            } catch {
                throw FieldError("presetList[\(index)].\(error.field)", error.rule)
            }
        }
        guard Set(presets).count == presets.count else {
            throw FieldError("presetList", "one entry per preset")
        }
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("presetList", presets.map { preset in JSONObject { $0.field("ptzId", preset) } })
        }
    }
}
