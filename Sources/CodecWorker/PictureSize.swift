import CLibAV

/// How large a picture is shown: with square pixels, and never larger than it was sent in either direction.
struct PictureSize: Equatable {
    var width: Int
    var height: Int

    init(of frame: AVFrame, width wanted: Int?) {
        (width, height) = (Int(frame.width), Int(frame.height))
        let ratio = frame.sample_aspect_ratio
        // What is further from square than 4 to 1 is a mistake of the sender.
        if ratio.num > 0, ratio.den > 0, (0.25...4).contains(Double(ratio.num) / Double(ratio.den)) {
            if ratio.num > ratio.den {
                height = Self.part(height, Int(ratio.den), Int(ratio.num))
            } else {
                width = Self.part(width, Int(ratio.num), Int(ratio.den))
            }
        }
        if let wanted, wanted < width {
            height = Self.part(height, wanted, width)
            width = wanted
        }
    }

    private static func part(_ side: Int, _ numerator: Int, _ denominator: Int) -> Int {
        max(1, (side * numerator + denominator / 2) / denominator)
    }
}
