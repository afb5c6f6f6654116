internal import CLibSRT
package import HSSModel

extension SRTSocket {
    /// What libsrt knows of this connection; `nil` once it is gone. Some microseconds, from any thread: for whoever asks,
    /// not for each packet.
    ///
    /// Rates are left 0: libsrt's count since the connection was made, and a reset would spoil the totals that it keeps
    /// only between resets.
    package var figures: SRTFigures? {
        var raw = SRT_TRACEBSTATS()
        guard srt_bistats(id, &raw, 0, 1) == 0 else { return nil }
        var figures = SRTFigures()
        figures.packetsSent = raw.pktSentTotal
        figures.packetsSentUnique = raw.pktSentUniqueTotal
        figures.packetsSendLoss = Int64(raw.pktSndLossTotal)
        figures.packetsRetrans = Int64(raw.pktRetransTotal)
        figures.packetsSendDrop = Int64(raw.pktSndDropTotal)
        figures.bytesSent = raw.byteSentTotal
        figures.bytesRetrans = raw.byteRetransTotal
        figures.bytesSendDrop = raw.byteSndDropTotal
        figures.packetsReceived = raw.pktRecvTotal
        figures.packetsReceivedUnique = raw.pktRecvUniqueTotal
        figures.packetsReceivedLoss = Int64(raw.pktRcvLossTotal)
        figures.packetsReceivedRetrans = Int64(raw.pktRcvRetrans)
        figures.packetsReceivedDrop = Int64(raw.pktRcvDropTotal)
        figures.packetsReceivedUndecrypt = Int64(raw.pktRcvUndecryptTotal)
        figures.bytesReceived = raw.byteRecvTotal
        figures.bytesReceivedLoss = raw.byteRcvLossTotal
        figures.bytesReceivedDrop = raw.byteRcvDropTotal
        figures.msRtt = raw.msRTT
        figures.mbpsLinkCapacity = raw.mbpsBandwidth
        figures.packetsFlightSize = Int64(raw.pktFlightSize)
        figures.packetsFlowWindow = Int64(raw.pktFlowWindow)
        figures.packetsSendBuf = Int64(raw.pktSndBuf)
        figures.bytesSendBuf = Int64(raw.byteSndBuf)
        figures.msSendBuf = Int64(raw.msSndBuf)
        figures.msSendTsbPdDelay = Int64(raw.msSndTsbPdDelay)
        figures.packetsReceiveBuf = Int64(raw.pktRcvBuf)
        figures.bytesReceiveBuf = Int64(raw.byteRcvBuf)
        figures.msReceiveBuf = Int64(raw.msRcvBuf)
        figures.msReceiveTsbPdDelay = Int64(raw.msRcvTsbPdDelay)
        return figures
    }

    /// Messages and octets that wait to be sent or acknowledged.
    package var sendQueue: (messages: Int, bytes: Int) {
        var messages = 0
        var bytes = 0
        guard srt_getsndbuffer(id, &messages, &bytes) >= 0 else { return (0, 0) }
        return (messages, bytes)
    }
}
