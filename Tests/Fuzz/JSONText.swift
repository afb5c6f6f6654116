import Vd

// JSON of a peer, and text of a peer that we put into JSON.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    if let object = try? JSONObject(parsing: bytes) {
        precondition((try? JSONObject(parsing: object.bytes)) == object)
        for name in ["a", "b", "req"] {
            _ = object.has(name)
            _ = try? object.string(name, 0...64)
            _ = try? object.integer(name, 0...100)
            _ = try? object.object(name)
            _ = try? object.objects(name, most: 4)
        }
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let written = JSONObject { $0.field("a", text) }
    guard let read = try? JSONObject(parsing: written.bytes) else { fatalError("what we write is JSON") }
    precondition((try? read.string("a", 0...Int.max)) == text, "text survives")
    return 0
}
