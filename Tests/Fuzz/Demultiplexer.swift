import MediaFormats

// A publisher's packets, taken apart and made into parts. The first octet of the input says what is done to them.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 1 else { return 0 }
    let input = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(start: data, count: size)[1...])
    var demultiplexer = TransportStreamDemultiplexer()
    var settings = MediaSegmenter.Settings()
    settings.includesG711 = data[0] & 1 == 1
    var segmenter = MediaSegmenter(settings)
    var window = HLSWindow<Int>(.init())
    var octets = 0
    let keep = { (output: MediaSegmenter.Output) in
        switch output {
        case .header(let header):
            precondition(header.bytes.count < 1 << 20)
            window.add(header, 0)
        case .part(let part):
            precondition(part.duration > 0 && part.start >= 0)
            window.add(part, part.bytes.count, partTarget: 22_500)
        }
    }
    let take = { (event: TransportStreamDemultiplexer.Event) in
        if case .unit(let unit) = event {
            octets += unit.sample.count
            for range in NALUnits.ranges(inSample: unit.sample) {
                precondition(range.upperBound <= unit.sample.count)
            }
        }
        segmenter.take(event, keep)
    }
    demultiplexer.take(input, take)
    if data[0] & 2 == 2 { segmenter.breakOff(keep) }
    demultiplexer.take(input, take)
    demultiplexer.finish(take)
    segmenter.breakOff(keep)
    window.anchor(segmenter.lastTime, at: 0)
    precondition(octets <= 4 * size, "nothing is invented")
    precondition(window.playlist().utf8.count < 1 << 20)
    return 0
}
