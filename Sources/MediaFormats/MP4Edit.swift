extension MP4Header {
    /// What is shown of a file: an edit list (ISO/IEC 14496-12, 8.6.6), and pictures that only lead to the first one that is.
    package struct Edit: Sendable, Equatable {
        /// Where the presentation begins on the line of the file, in ticks of 90 kHz.
        package var start: Int64
        /// Of what is shown, in milliseconds.
        package var duration: Int64
        /// The first pictures of the file, in `moov` and a box of data of their own.
        package var lead: [MP4Fragment.Sample] = []

        package init(start: Int64, duration: Int64) {
            self.start = start
            self.duration = duration
        }
    }
}

extension MP4Header.Edit {
    /// The tables of the lead count samples, and may claim no more than there is.
    var leadSize: Int { lead.reduce(0) { $0 + $1.octets.count + 32 } }
    var leadDuration: UInt32 { lead.reduce(0) { $0 &+ $1.duration } }

    func append(timeScale: Int, to trak: inout MP4Writer) {
        guard start > 0 || !lead.isEmpty else { return }
        trak.box("edts") { edts in
            edts.box("elst", version: 1) {
                $0.u32(1)
                $0.u64(UInt64(max(0, duration)))
                $0.u64(UInt64(max(0, start.rescaled(from: 90_000, to: Int64(timeScale)))))
                $0.u32(0x0001_0000)
            }
        }
    }

    /// `stts` to `stco` (8.6 and 8.7) of one chunk. Returns where the chunk's place is to be put.
    func appendTables(to stbl: inout MP4Writer) -> Int {
        let count = UInt32(lead.count)
        stbl.box("stts", version: 0) {
            $0.u32(count)
            for sample in lead {
                $0.u32(1)
                $0.u32(sample.duration)
            }
        }
        stbl.box("ctts", version: 1) {
            $0.u32(count)
            for sample in lead {
                $0.u32(1)
                $0.u32(UInt32(bitPattern: sample.compositionOffset))
            }
        }
        let keys = lead.indices.filter { lead[$0].isKeyFrame }
        stbl.box("stss", version: 0) {
            $0.u32(UInt32(keys.count))
            for key in keys { $0.u32(UInt32(key + 1)) }
        }
        stbl.box("stsc", version: 0) {
            $0.u32(1)
            $0.u32(1)
            $0.u32(count)
            $0.u32(1)
        }
        stbl.box("stsz", version: 0) {
            $0.u32(0)
            $0.u32(count)
            for sample in lead { $0.u32(UInt32(sample.octets.count)) }
        }
        var place = 0
        stbl.box("stco", version: 0) {
            $0.u32(1)
            place = $0.bytes.count
            $0.u32(0)
        }
        return place
    }

    func appendLead(from offset: Int, to writer: inout MP4Writer) {
        writer.put(UInt32(writer.bytes.count + 8), at: offset)
        writer.box("mdat") { mdat in
            for sample in lead { mdat.octets(sample.octets) }
        }
    }
}
