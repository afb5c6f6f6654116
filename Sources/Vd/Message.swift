/// Parameters or a result as a value. What was read keeps every rule of its table; fields that the table does not
/// know are ignored and not kept.
package protocol VdBody: Sendable, Equatable {
    /// Throws the first field that breaks a rule; the peer gets error 12 with its name.
    init(_ object: JSONObject) throws(FieldError)
    /// Reads what a unit reports: fields that break a rule are left out and named in `flaws`. Throws where what is left
    /// says nothing. Types that have nothing to leave out read it as ``init(_:)`` does.
    init(reported object: JSONObject, _ flaws: inout Flaws) throws(FieldError)
    var object: JSONObject { get }
}

extension VdBody {
    package init(reported object: JSONObject, _ flaws: inout Flaws) throws(FieldError) {
        try self.init(object)
    }
}

/// One of the 32 messages of Table 9-4.
package protocol VdMessage: VdBody {
    /// The Recommendation's name. Units in the field use others for some: ``Dialect``.
    static var name: String { get }
}

/// A message that the other side answers (Table 9-1).
package protocol VdRequest: VdMessage {
    associatedtype Answer: VdBody
}

/// A message that nobody answers (Table 9-2).
package protocol VdEvent: VdMessage {}

extension VdRequest {
    package var request: RPCRequest { RPCRequest(Self.name, object) }
}

extension VdEvent {
    package var event: RPCEvent { RPCEvent(Self.name, object) }
}

/// A body without fields.
package protocol VdBare: VdBody {
    init()
}

extension VdBare {
    package init(_ object: JSONObject) throws(FieldError) { self.init() }
    package var object: JSONObject { .empty }
}

/// The result of methods that return nothing: `{}`.
package struct NoResult: VdBare {
    package init() {}
}
