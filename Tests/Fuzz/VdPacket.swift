import HSSModel
import Vd

// Whatever one WebSocket message of a unit holds: reading it must not trap, and what was read and written again is
// the same message. Its body is read as that of each message and each answer, whatever its name.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    guard let message = try? RPCMessage(parsing: bytes) else { return 0 }
    precondition((try? RPCMessage(parsing: message.encoded())) == message, "written and read again")
    let body: JSONObject
    switch message {
    case .request(let request, _): body = request.parameters
    case .event(let event): body = event.parameters
    case .answer(.success(let result), _): body = result
    case .answer(.failure, _): return 0
    }
    for entry in VdCatalogue.messages {
        check(entry.type, body)
        if let answer = entry.answer { check(answer, body) }
    }
    if let document = try? ConfigurationDocument(body) { check(document) }
    return 0
}

private func check<Body: VdBody>(_ type: Body.Type, _ object: JSONObject) {
    guard let body = try? Body(object) else { return }
    precondition((try? Body(body.object)) == body, "\(Body.self) written and read again")
}

/// A configuration is the sum of its fields.
private func check(_ document: ConfigurationDocument) {
    var sum = ConfigurationDocument()
    for field in document.fields {
        precondition(ConfigurationPath(parsing: field.path.description) == field.path)
        guard let part = try? ConfigurationDocument(field.path, field.value) else {
            preconditionFailure("\(field.path) by itself")
        }
        sum = sum.merging(part)
    }
    precondition(sum == document)
    precondition(document.difference(from: document) == nil)
}
