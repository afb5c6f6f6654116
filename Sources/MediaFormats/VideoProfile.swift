/// What a format claims of its pictures, in the words of people.
extension VideoFormat {
    /// ITU-T H.264, A.2, and H.265, A.3; nil for one that has no name here.
    package var profile: String? {
        // avcC and hvcC begin with their version and the profile.
        guard configuration.count > 3 else { return nil }
        switch coding {
        case .h264:
            let isConstrained = configuration[2] & 0x40 != 0
            switch configuration[1] {
            case 66: return isConstrained ? "Constrained Baseline" : "Baseline"
            case 77: return "Main"
            case 88: return "Extended"
            case 100: return "High"
            case 110: return "High 10"
            case 122: return "High 4:2:2"
            case 244: return "High 4:4:4 Predictive"
            default: return nil
            }
        case .h265:
            switch configuration[1] & 0x1F {
            case 1: return "Main"
            case 2: return "Main 10"
            case 3: return "Main Still Picture"
            case 4: return "Format Range Extensions"
            default: return nil
            }
        }
    }

    /// Such as `3.1`.
    package var level: String? {
        // H.264 counts levels in tenths, H.265 in thirtieths.
        let place = coding == .h264 ? 3 : 12
        guard configuration.count > place else { return nil }
        let tenths = coding == .h264 ? Int(configuration[place]) : Int(configuration[place]) / 3
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
