import Bus

extension UnitPresence {
    /// `state` of a device. A unit that sleeps is `online` too: it comes when it is called.
    var word: String { asleep ? "asleep" : state.word }

    /// Nil where the unit sleeps and has not logged in since the platform started.
    var knownFirmwareModel: String? { firmwareModel.isEmpty ? nil : firmwareModel }
}
