package import HSSModel

/// The platform's name for one upload of a log. Table I.2-29 calls it an integer, Table I.2-30 a string: either is
/// taken, two are the same when their text is, and each goes back in the form in which it came.
package struct TransactionID: Hashable, Sendable, CustomStringConvertible {
    private enum Form { case number, text }

    package let description: String
    private let form: Form

    package init(_ number: Int) {
        description = String(number)
        form = .number
    }

    package init(_ text: String) {
        description = text
        form = .text
    }

    fileprivate init(_ object: JSONObject) throws(FieldError) {
        if let text = try? object.string("trans_id", 1...64) {
            self.init(text)
        } else if let number = try? object.integer(
            "trans_id",
            -JSONObject.counts.upperBound...JSONObject.counts.upperBound
        ) {
            self.init(number)
        } else {
            throw FieldError(
                "trans_id",
                object.has("trans_id") ? "expected an integer or 1 to 64 bytes" : "required"
            )
        }
    }

    fileprivate func write(to writer: inout JSONWriter) {
        switch form {
        case .number: writer.field("trans_id", Int(description))
        case .text: writer.field("trans_id", description)
        }
    }

    package static func == (left: TransactionID, right: TransactionID) -> Bool {
        left.description == right.description
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

/// `LogUploadAsync` (Table I.2-29): asks a unit to put its log of a time range somewhere. Answered at once;
/// ``LogDone`` tells the end. No log in the range: a file of length 0.
package struct LogUploadAsync: VdRequest {
    package typealias Answer = NoResult
    package static let name = "LogUploadAsync"

    package var transaction: TransactionID
    package var start: UnitDateTime
    package var end: UnitDateTime
    package var url: Secret

    package init(transaction: TransactionID, start: UnitDateTime, end: UnitDateTime, url: Secret) {
        self.transaction = transaction
        self.start = start
        self.end = end
        self.url = url
    }

    package init(_ object: JSONObject) throws(FieldError) {
        transaction = try TransactionID(object)
        start = try object.dateTime("start")
        end = try object.dateTime("end")
        url = try object.url()
    }

    package var object: JSONObject {
        JSONObject {
            transaction.write(to: &$0)
            $0.field("start", start.description)
            $0.field("end", end.description)
            $0.field("url", url.reveal())
        }
    }
}

/// `LogDone` (Table I.2-30): a unit reports the end of an upload.
package struct LogDone: VdEvent {
    package static let name = "LogDone"

    package enum Outcome: String, Sendable, CaseIterable {
        case success, fail
    }

    package var macID: String
    package var transaction: TransactionID
    package var outcome: Outcome
    /// What the file really covers.
    package var start: UnitDateTime
    package var end: UnitDateTime
    package var url: Secret
    package var sizeInBytes: Int

    package init(
        macID: String,
        transaction: TransactionID,
        outcome: Outcome,
        start: UnitDateTime,
        end: UnitDateTime,
        url: Secret,
        sizeInBytes: Int
    ) {
        self.macID = macID
        self.transaction = transaction
        self.outcome = outcome
        self.start = start
        self.end = end
        self.url = url
        self.sizeInBytes = sizeInBytes
    }

    package init(_ object: JSONObject) throws(FieldError) {
        macID = try object.macID()
        transaction = try TransactionID(object)
        outcome = try object.choice("status")
        start = try object.dateTime("start")
        end = try object.dateTime("end")
        url = try object.url()
        sizeInBytes = try object.integer("size", JSONObject.counts)
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("mac_id", macID)
            transaction.write(to: &$0)
            $0.field("status", outcome.rawValue)
            $0.field("start", start.description)
            $0.field("end", end.description)
            $0.field("url", url.reveal())
            $0.field("size", sizeInBytes)
        }
    }
}
