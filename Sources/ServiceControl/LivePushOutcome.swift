import HSSModel
import Vd
import Vm

extension LiveChannel.PushOutcome {
    /// What came of `PushLive` (Table I.2-12).
    init(_ outcome: CallOutcome, of unit: UnitID) {
        self =
            switch outcome {
            case .answered(.success): .agreed
            case .answered(.failure(let failure)): .refused(code: failure.code, message: failure.message)
            case .lost(.unanswered): .unanswered
            case .lost: .lost
            case .busy: .noIngest("too many requests wait for unit \(unit)")
            }
    }
}
