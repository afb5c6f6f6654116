import MediaFormats

// A publisher's messages. The first octet of the input says where they are cut.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 1 else { return 0 }
    let input = UnsafeRawBufferPointer(start: data, count: size)
    let step = Int(input[0]) * 6 + 1
    var scanner = TransportStreamScanner()
    var delivered = 0
    var start = 1
    while start < size {
        let end = min(start + step, size)
        scanner.scan(UnsafeRawBufferPointer(rebasing: input[start..<end])) { run in
            precondition(run.octets.count > 0 && run.octets.count % TransportStreamPacket.length == 0)
            precondition(run.octets.count <= TransportStreamScanner.longestRun)
            precondition(run.octets[0] == TransportStreamPacket.syncByte)
            if let place = run.keyFrame {
                precondition(
                    place >= 0 && place < run.octets.count && place % TransportStreamPacket.length == 0
                )
            }
            if let tables = run.tables {
                precondition(tables.packets.count <= 12 * TransportStreamPacket.length)
            }
            delivered += run.octets.count
        }
        start = end
    }
    precondition(delivered + Int(scanner.discardedOctets) <= size - 1, "nothing is handed on twice")
    return 0
}
