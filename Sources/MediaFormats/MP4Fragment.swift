/// One `moof` and `mdat` (ISO/IEC 14496-12, 8.8.4): some samples of one or both tracks, with times of their own.
package struct MP4Fragment: Sendable {
    package struct Sample: Sendable, Equatable {
        /// In units of the track's time scale.
        package var duration: UInt32
        /// From decoding to presentation.
        package var compositionOffset: Int32
        package var isKeyFrame: Bool
        package var octets: [UInt8]

        package init(duration: UInt32, compositionOffset: Int32, isKeyFrame: Bool, octets: [UInt8]) {
            self.duration = duration
            self.compositionOffset = compositionOffset
            self.isKeyFrame = isKeyFrame
            self.octets = octets
        }
    }

    /// Samples of one track that follow each other without a gap.
    package struct Run: Sendable, Equatable {
        package var track: UInt32
        /// Decoding time of the first one.
        package var start: UInt64
        package var samples: [Sample]

        package init(track: UInt32, start: UInt64, samples: [Sample]) {
            self.track = track
            self.start = start
            self.samples = samples
        }

        var sizeInBytes: Int { samples.reduce(0) { $0 + $1.octets.count } }
    }

    /// Offsets within a fragment have 31 bits; nothing that is kept for viewers comes near.
    package static let largest = 1 << 30

    /// Counts fragments, from 1 on.
    package var number: UInt32
    package var runs: [Run]

    package init(number: UInt32, runs: [Run]) {
        self.number = number
        self.runs = runs.filter { !$0.samples.isEmpty }
    }

    /// `nil` where there is nothing in it, or more than ``largest``.
    package var bytes: [UInt8]? {
        let size = runs.reduce(0) { $0 + $1.sizeInBytes }
        guard !runs.isEmpty, size <= Self.largest else { return nil }
        let samples = runs.reduce(0) { $0 + $1.samples.count }
        var writer = MP4Writer(capacity: size + samples * 16 + 256)
        var offsets: [Int] = []
        writer.box("moof") { moof in
            moof.box("mfhd", version: 0) { $0.u32(number) }
            for run in runs { offsets.append(Self.fragment(run, &moof)) }
        }
        // Data offsets count from the beginning of `moof`.
        var place = writer.bytes.count + 8
        for (run, offset) in zip(runs, offsets) {
            writer.put(UInt32(place), at: offset)
            place += run.sizeInBytes
        }
        writer.box("mdat") { mdat in
            for run in runs { for sample in run.samples { mdat.octets(sample.octets) } }
        }
        return writer.bytes
    }

    /// Returns where its data offset stands.
    private static func fragment(_ run: Run, _ moof: inout MP4Writer) -> Int {
        var place = 0
        moof.box("traf") { traf in
            // default-base-is-moof, 8.8.7.1.
            traf.box("tfhd", version: 0, flags: 0x020000) { $0.u32(run.track) }
            traf.box("tfdt", version: 1) { $0.u64(run.start) }
            // Data offset; duration, size, flags and signed composition offset of each sample, 8.8.8.
            traf.box("trun", version: 1, flags: 0xF01) { trun in
                trun.u32(UInt32(run.samples.count))
                place = trun.bytes.count
                trun.u32(0)
                for sample in run.samples {
                    trun.u32(sample.duration)
                    trun.u32(UInt32(sample.octets.count))
                    // 8.8.3.1: depends on no other, or depends on others and is no sync sample.
                    trun.u32(sample.isKeyFrame ? 0x0200_0000 : 0x0101_0000)
                    trun.u32(UInt32(bitPattern: sample.compositionOffset))
                }
            }
        }
        return place
    }
}
