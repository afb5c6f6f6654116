import HSSModel
import Vr

// What anybody may send to Vr: the body of a request, the address that it came to, the range of an upload.

private let now = WallTime(milliseconds: 1_795_257_971_000)

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    if let request = try? SegmentRequest(parsing: bytes) {
        let body = request.body
        // Written with every octet of a name escaped, it may be longer than what is read.
        if body.utf8.count <= FormBody.longest {
            precondition(
                (try? SegmentRequest(parsing: Array(body.utf8))) == request,
                "written and read again"
            )
        }
    }
    guard let key = RecordKey(Secret("a secret of 32 letters and more.")) else {
        fatalError("the secret is long enough")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    precondition((try? RecordAddress(parsing: text, key: key)) == nil, "a key that nobody signed")
    precondition((try? UploadAddress(parsing: text, key: key, at: now)) == nil, "a token that nobody signed")
    if let name = SegmentName(text) { precondition(name.description == text, "one segment, one text") }
    if let range = try? UploadRange(header: text, length: nil, announced: 200) {
        precondition(range.size == 200 && (0..<200).contains(range.offset))
        precondition((try? UploadRange(header: range.header, length: range.count, announced: 200)) == range)
    }
    return 0
}
