import HSSModel
import Vm

// What an SRT caller sends: its stream ID, the ticket in it; and the address that a unit is told.

private let key = TicketKey(Secret(String(repeating: "k", count: 32)))

private struct Counter: RandomNumberGenerator {
    var last: UInt64 = 0
    mutating func next() -> UInt64 {
        last += 1
        return last
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: data, count: size), as: UTF8.self)
    if let address = try? SRTAddress(parsing: Secret(text)), address.text.reveal().utf8.count <= 2048 {
        precondition((try? SRTAddress(parsing: address.text)) == address, "written and read again")
    }
    guard let key, let access = StreamAccess(parsing: text) else { return 0 }
    if access.text.reveal().utf8.count <= SRTAddress.longestStreamID {
        precondition(StreamAccess(parsing: access.text.reveal()) == access, "written and read again")
    }
    let now = WallTime(milliseconds: 0)
    precondition(
        (try? key.open(access.ticket, for: .publish, of: access.stream, at: now)) == nil,
        "nobody guesses a ticket"
    )
    var random = Counter()
    let ticket = Ticket(
        playing: access.stream,
        epoch: Epoch(UInt64(size)),
        lease: LeaseID(unchecked: access.stream.rawValue),
        expiresAt: WallTime(milliseconds: Int64(size)),
        nonce: Ticket.Nonce(using: &random)
    )
    precondition((try? key.open(key.seal(ticket), for: .play, of: access.stream, at: now)) == ticket)
    return 0
}
