extension Int64 {
    /// Of ticks of one clock those of another. Whole seconds and the rest apart: their product would not fit for times
    /// that a sender has driven far.
    func rescaled(from old: Int64, to new: Int64) -> Int64 {
        self / old * new + self % old * new / old
    }
}
