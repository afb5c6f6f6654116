package import HSSModel

/// Where uploads go: `https://host:port`, and the same without TLS where the platform listens there (`http.port`).
package struct UploadOrigins: Sendable, Hashable {
    package var secure: String
    /// Nil: nothing is taken without TLS.
    package var plain: String?

    package init(secure: String, plain: String? = nil) {
        self.secure = secure
        self.plain = plain
    }

    /// Which a unit gets, by what it said in `create`: "https 1 the unit can upload by https, 0 only by http" (Table
    /// I.3-1). One that can use TLS is never sent elsewhere. To be asked before the session: what has no address is not
    /// to be begun.
    package func origin(secure canUseTLS: Bool) throws(RecordFailure) -> String {
        if canUseTLS { return secure }
        guard let plain else { throw .plainUploadsAreOff }
        return plain
    }
}

extension SegmentAnswer {
    /// What a unit hears of an outcome; `url` makes the address of an upload (``UploadAddress``).
    package init(
        _ outcome: RecordOutcome,
        url: (_ segment: SegmentName, _ size: Int64, _ expiresAt: WallTime) -> Secret
    ) {
        self =
            switch outcome {
            case .place(let name, let size, let expiresAt):
                .place(UploadPlace(name: name.description, url: url(name, size, expiresAt)))
            case .unwanted: .place(nil)
            case .done: .none
            case .time(let time): .time(time)
            case .failure(let failure): .failure(failure)
            }
    }
}
