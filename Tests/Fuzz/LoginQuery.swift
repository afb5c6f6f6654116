import HSSModel
import Vd

// The query with which a unit opens Vd (Table 9-3), from anybody.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: data, count: size), as: UTF8.self)
    guard let login = try? UnitLoginURL(parsing: text) else { return 0 }
    let query = login.requestTarget.dropFirst(UnitLoginURL.path.count + 1)
    // Written with every octet escaped, it may be longer than what is read.
    guard query.utf8.count <= 2048 else { return 0 }
    precondition((try? UnitLoginURL(parsing: query)) == login, "written and read again")
    return 0
}
