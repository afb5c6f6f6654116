/// What libsrt knows of one connection: totals since it was made, and what holds at this moment.
///
/// The names are those of MediaMTX's API (`srtconns`), so that who knows one knows both; in JSON they
/// are in snake_case. "Packets" are SRT's: one message of up to 1,316 octets. "Bytes" count SRT's headers too.
package struct SRTFigures: Sendable, Equatable, Codable {
    // What we send.
    package var packetsSent: Int64 = 0
    /// Without repetitions.
    package var packetsSentUnique: Int64 = 0
    /// Reported missing by the peer.
    package var packetsSendLoss: Int64 = 0
    package var packetsRetrans: Int64 = 0
    /// Given up because they were too late to send.
    package var packetsSendDrop: Int64 = 0
    package var bytesSent: UInt64 = 0
    package var bytesRetrans: UInt64 = 0
    package var bytesSendDrop: UInt64 = 0

    // What we receive.
    package var packetsReceived: Int64 = 0
    package var packetsReceivedUnique: Int64 = 0
    /// Gaps seen on the network, most of them filled by a repetition.
    package var packetsReceivedLoss: Int64 = 0
    package var packetsReceivedRetrans: Int64 = 0
    package var packetsReceivedDrop: Int64 = 0
    package var packetsReceivedUndecrypt: Int64 = 0
    package var bytesReceived: UInt64 = 0
    package var bytesReceivedLoss: UInt64 = 0
    package var bytesReceivedDrop: UInt64 = 0

    // Now.
    /// Round trip, smoothed by libsrt. Written so that snake_case and back leaves the name as it was.
    package var msRtt: Double = 0
    /// Over some seconds, in Mbit/s.
    package var mbpsSendRate: Double = 0
    package var mbpsReceiveRate: Double = 0
    /// An estimate of libsrt.
    package var mbpsLinkCapacity: Double = 0
    package var packetsFlightSize: Int64 = 0
    package var packetsFlowWindow: Int64 = 0
    /// Handed to libsrt and not acknowledged.
    package var packetsSendBuf: Int64 = 0
    package var bytesSendBuf: Int64 = 0
    package var msSendBuf: Int64 = 0
    /// How long the peer holds what it receives (the latency agreed on).
    package var msSendTsbPdDelay: Int64 = 0
    package var packetsReceiveBuf: Int64 = 0
    package var bytesReceiveBuf: Int64 = 0
    package var msReceiveBuf: Int64 = 0
    package var msReceiveTsbPdDelay: Int64 = 0

    package init() {}
}
