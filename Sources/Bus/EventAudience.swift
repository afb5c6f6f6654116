package import HSSModel
import Vd

extension NewEvent {
    /// Whether a user who is this to the device may hear of it; nil: it is nothing to the user.
    ///
    /// Who else was given a right is no guest's affair; the one whom it is about hears of it also when it is over.
    package func isAudible(to user: UserName, _ role: DeviceRole?) -> Bool {
        guard kind == .share else { return role != nil }
        return switch role {
        case .owner, .operator: true
        case .guest, nil: guest == user
        }
    }

    /// Whom an event of sharing is about.
    private var guest: UserName? {
        guard let detail = try? JSONObject(parsing: Array(detail.utf8)) else { return nil }
        return (try? detail.string("user", 1...64)).flatMap { UserName(rawValue: $0) }
    }
}
