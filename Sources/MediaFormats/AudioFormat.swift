/// How the sound of a stream is coded.
package struct AudioFormat: Sendable, Equatable {
    package enum Coding: Sendable, Equatable {
        /// The audio object type of ISO/IEC 14496-3, table 1.17; 2 is AAC-LC.
        case aac(objectType: UInt8)
        /// ITU-T G.711, 8,000 Hz.
        case aLaw, uLaw
    }

    package let coding: Coding
    package let samplingRate: Int
    package let channels: Int

    /// G.711 as cameras send it.
    static func g711(_ coding: Coding) -> AudioFormat {
        AudioFormat(coding: coding, samplingRate: 8000, channels: 1)
    }

    private init(coding: Coding, samplingRate: Int, channels: Int) {
        self.coding = coding
        self.samplingRate = samplingRate
        self.channels = channels
    }

    init(_ header: ADTSHeader) {
        coding = .aac(objectType: header.objectType)
        samplingRate = header.samplingRate
        channels = header.channelConfiguration == 7 ? 8 : Int(header.channelConfiguration)
    }

    /// RFC 6381; for G.711 the name of its sample entry.
    package var codecs: String {
        switch coding {
        case .aac(let objectType): "mp4a.40.\(objectType)"
        case .aLaw: "alaw"
        case .uLaw: "ulaw"
        }
    }

    /// AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1); empty for G.711.
    package var specificConfiguration: [UInt8] {
        guard case .aac(let objectType) = coding,
            let rate = ADTSHeader.samplingRates.firstIndex(of: samplingRate)
        else { return [] }
        let channelConfiguration = UInt8(channels == 8 ? 7 : channels)
        let index = UInt8(rate)
        return [objectType << 3 | index >> 1, (index & 1) << 7 | channelConfiguration << 3]
    }

    /// Samples of each channel that `sample` stands for. An AAC frame has 1,024.
    package func length(of sample: [UInt8]) -> Int {
        switch coding {
        case .aac: 1024
        case .aLaw, .uLaw: sample.count / channels
        }
    }
}

/// The header in front of each AAC frame of a transport stream (ISO/IEC 13818-7, 6.2; 14496-3, 1.A.3.2).
struct ADTSHeader: Equatable {
    static let length = 7
    static let samplingRates = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350,
    ]

    let objectType: UInt8
    let samplingRate: Int
    /// 1 to 7; 0 where the frame itself tells it, which ``ADTSReader`` refuses.
    let channelConfiguration: UInt8
    /// Of the header, with its checksum where it has one.
    let headerLength: Int
    /// Of header and frame.
    let frameLength: Int

    /// Takes the first ``length`` octets. `nil`: there is no header here, or one of several frames in one, which no
    /// encoder makes.
    init?(_ bytes: some RandomAccessCollection<UInt8>) {
        guard bytes.count >= Self.length else { return nil }
        let header = Array(bytes.prefix(Self.length))
        let rate = Int(header[2] >> 2 & 0x0F)
        guard header[0] == 0xFF, header[1] & 0xF6 == 0xF0, rate < Self.samplingRates.count,
            header[6] & 3 == 0
        else { return nil }
        objectType = header[2] >> 6 + 1
        samplingRate = Self.samplingRates[rate]
        channelConfiguration = (header[2] & 1) << 2 | header[3] >> 6
        headerLength = header[1] & 1 == 1 ? 7 : 9
        frameLength = Int(header[3] & 3) << 11 | Int(header[4]) << 3 | Int(header[5] >> 5)
        guard frameLength > headerLength else { return nil }
    }
}
