internal import CLibSRT

/// Totals of one connection since it was made.
package struct SRTStatistics: Sendable, Equatable {
    package var packetsReceived: Int64 = 0
    package var bytesReceived: UInt64 = 0
    /// Gaps seen on the network, most of them filled by retransmission.
    package var packetsLostOnReceipt: Int64 = 0
    package var packetsSent: Int64 = 0
    package var bytesSent: UInt64 = 0
    package var packetsRetransmitted: Int64 = 0
    /// Given up because they were too late to send.
    package var packetsDroppedBySender: Int64 = 0
    package var roundTripMilliseconds: Double = 0
}

extension SRTSocket {
    /// `nil` once the connection is gone.
    package var statistics: SRTStatistics? {
        var raw = SRT_TRACEBSTATS()
        guard srt_bstats(id, &raw, 0) == 0 else { return nil }
        return SRTStatistics(
            packetsReceived: raw.pktRecvTotal,
            bytesReceived: raw.byteRecvTotal,
            packetsLostOnReceipt: Int64(raw.pktRcvLossTotal),
            packetsSent: raw.pktSentTotal,
            bytesSent: raw.byteSentTotal,
            packetsRetransmitted: Int64(raw.pktRetransTotal),
            packetsDroppedBySender: Int64(raw.pktSndDropTotal),
            roundTripMilliseconds: raw.msRTT
        )
    }

    /// Messages and octets that wait to be sent or acknowledged.
    package var sendQueue: (messages: Int, bytes: Int) {
        var messages = 0
        var bytes = 0
        guard srt_getsndbuffer(id, &messages, &bytes) >= 0 else { return (0, 0) }
        return (messages, bytes)
    }
}
