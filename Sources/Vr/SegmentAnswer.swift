package import HSSModel

/// What the platform answers over Vr (Appendix I.3).
package enum SegmentAnswer: Sendable, Equatable {
    /// To `create`; nil: this segment is not wanted, the unit is not to upload it.
    case place(UploadPlace?)
    /// To `save`, `fail` and `stat`: "Normal response: None".
    case none
    case time(WallTime)
    case failure(RecordFailure)

    /// "Response header" of every table.
    package static let headers: [(name: String, value: String)] = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "POST"),
    ]

    /// "200: normal, 400~499: user input error, 500~599: server error".
    package var status: Int {
        if case .failure(let failure) = self { failure.status } else { 200 }
    }

    /// What the body is made of; nil: it is empty.
    package var body: (any Encodable & Sendable)? {
        switch self {
        case .place(let place): CreateAnswer(place)
        case .none: nil
        case .time(let time): TimeAnswer(time)
        case .failure(let failure): RecordFailureBody(info: failure.info)
        }
    }
}

/// Where one segment goes.
package struct UploadPlace: Sendable, Equatable {
    package var name: String
    /// To be `PUT` to; carries a token.
    package var url: Secret

    package init(name: String, url: Secret) {
        self.name = name
        self.url = url
    }
}

/// The body of the answer to `create` (Table I.3-1). `url` is repeated as `uri`: units in the field read that name.
package struct CreateAnswer: Codable, Sendable, Equatable {
    private static let longestURL = 2048

    /// Nil: both are empty, the segment is not wanted.
    package var place: UploadPlace?

    package init(_ place: UploadPlace?) {
        self.place = place
    }

    private enum Field: String, CodingKey { case name, url, uri }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Field.self)
        try fields.encode(place?.name ?? "", forKey: .name)
        try fields.encode(place?.url.reveal() ?? "", forKey: .url)
        try fields.encode(place?.url.reveal() ?? "", forKey: .uri)
    }

    /// As a unit reads it: of another platform either name of the address will do.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        func text(_ field: Field, most: Int) throws -> String? {
            let text = try fields.decodeIfPresent(String.self, forKey: field)
            guard text?.utf8.count ?? 0 <= most else {
                throw DecodingError.dataCorruptedError(
                    forKey: field,
                    in: fields,
                    debugDescription: "expected at most \(most) bytes"
                )
            }
            return text
        }
        let name = try text(.name, most: SegmentRequest.longestName) ?? ""
        let given = [try text(.url, most: Self.longestURL), try text(.uri, most: Self.longestURL)]
        let url = given.compactMap(\.self).first { !$0.isEmpty } ?? ""
        // A name without an address, or the other way round, cannot be worked with; it is no refusal either.
        guard name.isEmpty == url.isEmpty else {
            throw DecodingError.dataCorruptedError(
                forKey: name.isEmpty ? .name : .url,
                in: fields,
                debugDescription: "expected name and url, or neither"
            )
        }
        place = name.isEmpty ? nil : UploadPlace(name: name, url: Secret(url))
    }
}

/// The body of the answer to `getcurrenttime` (Table I.3-4): seconds since the epoch with a fraction.
package struct TimeAnswer: Codable, Sendable, Equatable {
    package var time: WallTime

    package init(_ time: WallTime) {
        self.time = time
    }

    private enum Field: String, CodingKey { case currenttime }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Field.self)
        try fields.encode(Double(time.milliseconds) / 1000, forKey: .currenttime)
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        let seconds = try fields.decode(Double.self, forKey: .currenttime)
        guard (0...Double(SegmentName.latestStart.seconds)).contains(seconds) else {
            throw DecodingError.dataCorruptedError(
                forKey: .currenttime,
                in: fields,
                debugDescription: "expected seconds since 1970, up to the year 9999"
            )
        }
        time = WallTime(milliseconds: Int64((seconds * 1000).rounded()))
    }
}

/// The body of a failure: "wrong description" in `info`.
package struct RecordFailureBody: Codable, Sendable, Equatable {
    package var info: String

    package init(info: String) {
        self.info = info
    }
}
