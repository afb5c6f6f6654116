import HSSModel
import Vd

// What arrives at the hibernation server and at a sleeping unit, from anybody.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    if let heartbeat = try? HibernationHeartbeat(parsing: bytes) {
        let again = try? HibernationHeartbeat(parsing: heartbeat.encoded())
        precondition(again == heartbeat, "written and read again")
    }
    var whole = HibernationReader()
    let atOnce = try? whole.receive(bytes)
    var pieces = HibernationReader()
    var oneByOne: [HibernationHeartbeat]? = []
    for byte in bytes {
        guard let more = try? pieces.receive([byte]) else {
            oneByOne = nil
            break
        }
        oneByOne? += more
    }
    precondition(atOnce == oneByOne, "however it is cut")
    var wakeUp = WakeUpReader()
    _ = try? wakeUp.receive(bytes)
    return 0
}
