import HSSModel
import Vd

// Whatever one WebSocket message of a unit holds: reading it must not trap, and what was read and written again is
// the same message.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    guard let message = try? RPCMessage(parsing: bytes) else { return 0 }
    precondition((try? RPCMessage(parsing: message.encoded())) == message, "written and read again")
    let parameters: JSONObject
    switch message {
    case .request(let request, _): parameters = request.parameters
    case .event(let event): parameters = event.parameters
    case .answer(.success(let result), _): parameters = result
    case .answer(.failure, _): return 0
    }
    if let keepalive = try? Keepalive(parameters) {
        precondition((try? Keepalive(keepalive.request.parameters)) == keepalive)
    }
    if let push = try? PushLive(parameters) {
        precondition((try? PushLive(push.request.parameters)) == push)
    }
    if let stop = try? StopLive(parameters) {
        precondition((try? StopLive(stop.request.parameters)) == stop)
    }
    if let bind = try? Bind(parameters) {
        precondition((try? Bind(bind.event.parameters)) == bind)
    }
    if let info = try? GetServerInfo(parameters) {
        precondition((try? GetServerInfo(info.request.parameters)) == info)
    }
    _ = try? ServerInfo(parameters)
    return 0
}
