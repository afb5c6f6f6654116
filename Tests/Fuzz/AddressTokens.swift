import HSSModel

// Tokens in the addresses that units fetch firmware from and upload to. Compiled with FirmwareKey and UploadKey, which
// need nothing else of their rooms.
//
// What was not signed opens nothing; what was signed and then changed stands for the same thing or for nothing (the last
// letter of base64 has bits that nobody reads).

private let secret = Secret("a secret of 32 letters and more.")
private let now = WallTime(milliseconds: 1_795_257_971_000)

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    guard let key = FirmwareKey(secret), let uploads = UploadKey(secret) else {
        fatalError("the secret is long enough")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    precondition(key.grant(of: text, at: now) == nil, "a token that nobody signed")

    let unit =
        UnitID(rawValue: String(decoding: bytes.prefix(64), as: UTF8.self)) ?? UnitID(unchecked: "cam-1")
    let grant = FirmwareKey.Grant(
        firmware: FirmwareID(unchecked: "0123456789abcdef"),
        unit: unit,
        expiresAt: now + .seconds(60)
    )
    let token = key.token(grant).reveal()
    precondition(token.utf8.count <= 123, "units keep addresses in small buffers")
    precondition(key.grant(of: token, at: now) == grant, "signed and read again")
    precondition(key.grant(of: token, at: grant.expiresAt) == nil, "expired")
    var changed = Array(token.utf8)
    for (index, byte) in bytes.prefix(4).enumerated() {
        changed[(Int(byte) * 4 + index) % changed.count] ^= byte
    }
    let read = key.grant(of: String(decoding: changed, as: UTF8.self), at: now)
    precondition(read == nil || read == grant, "changed after it was signed")
    precondition(key.grant(of: token + text, at: now).map { $0 == grant } ?? true, "something behind it")

    let upload = uploads.token(of: UploadID(unchecked: text)).reveal()
    precondition(Base32.isText(upload, length: UploadKey.tokenLength), "a token of its alphabet")
    precondition(UploadKey.hash(Secret(upload)).utf8.count == 64)
    precondition(!Base32.isText(text, length: UploadKey.tokenLength) || bytes.count == UploadKey.tokenLength)
    let encoded = Base32.encode(bytes)
    precondition(Base32.isText(encoded, length: (bytes.count * 8 + 4) / 5), "as long as RFC 4648 says")
    return 0
}
