import Vd

// The first bytes on Vd's port, from anybody: whole and in two pieces they have to be the same.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let whole = read([bytes[...]])
    let cut = bytes.isEmpty ? 0 : Int(bytes[0]) * bytes.count / 256
    precondition(read([bytes[..<cut], bytes[cut...]]) == whole, "a division changes nothing")
    guard case .success(let found?) = whole else { return 0 }
    precondition(found.request.key.utf8.count == 24 && !found.request.target.isEmpty)
    precondition(found.request.target.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "one word of ASCII")
    precondition(Array(bytes.suffix(found.rest.count)) == found.rest, "what stands behind is not lost")
    let head = bytes.count - found.rest.count
    precondition(head <= OpeningRequest.longest && bytes[..<head].suffix(4).elementsEqual("\r\n\r\n".utf8))
    return 0
}

private struct Opening: Equatable {
    var request: OpeningRequest
    var rest: [UInt8]
}

private func read(_ pieces: [ArraySlice<UInt8>]) -> Result<Opening?, OpeningRequest.Fault> {
    var reader = OpeningReader()
    var found: Opening?
    do throws(OpeningRequest.Fault) {
        for piece in pieces {
            if var opening = found {
                opening.rest += piece
                found = opening
            } else if let (request, rest) = try reader.receive(piece) {
                found = Opening(request: request, rest: rest)
            }
        }
        return .success(found)
    } catch {
        return .failure(error)
    }
}
