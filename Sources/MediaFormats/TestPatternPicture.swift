/// What the test pattern shows in one frame: a grid of single-coloured macroblocks.
///
/// Seven colour bars; a grey block that walks over them; and in the top row the frame number in binary, most
/// significant bit first, white for 1 and black for 0, so that whoever decodes the picture can tell a lost,
/// doubled or displaced frame. A camera that simulates a scene shows it too (``TestPatternScene``): its code in the
/// second row, and where the picture is at least 40 by 22 macroblocks its time and position in figures and its zoom
/// as a bar at the bottom.
package struct TestPatternPicture: Sendable, Equatable {
    /// Bits of the frame number that the picture shows.
    package static let counterBits = 16
    /// Side of a macroblock in pixels.
    package static let blockSize = 16

    /// One colour in 8-bit YCbCr of limited range (BT.601).
    package struct Color: Sendable, Equatable {
        package var luma: UInt8
        package var blue: UInt8
        package var red: UInt8

        package static let white = Color(luma: 235, blue: 128, red: 128)
        package static let black = Color(luma: 16, blue: 128, red: 128)
        static let grey = Color(luma: 125, blue: 128, red: 128)
        /// 75 % bars: white, yellow, cyan, green, magenta, red, blue.
        static let bars = [
            Color(luma: 180, blue: 128, red: 128), Color(luma: 162, blue: 44, red: 142),
            Color(luma: 131, blue: 156, red: 44), Color(luma: 112, blue: 72, red: 58),
            Color(luma: 84, blue: 184, red: 198), Color(luma: 65, blue: 100, red: 212),
            Color(luma: 35, blue: 212, red: 114),
        ]
    }

    package let columns: Int
    package let rows: Int
    /// Row by row from the top left.
    package private(set) var blocks: [Color]

    package init(frame: Int, columns: Int, rows: Int, scene: TestPatternScene? = nil) {
        self.columns = columns
        self.rows = rows
        blocks = (0..<rows * columns).map { Color.bars[$0 % columns * Color.bars.count / columns] }
        let side = max(1, rows / 5)
        let top = (rows - side) / 2 + 1
        let left = frame % max(1, columns - side + 1)
        for row in top..<min(rows, top + side) {
            for column in left..<min(columns, left + side) { blocks[row * columns + column] = .grey }
        }
        for bit in 0..<min(Self.counterBits, columns) {
            blocks[bit] = frame >> (Self.counterBits - 1 - bit) & 1 == 1 ? .white : .black
        }
        if let scene { draw(scene) }
    }

    private mutating func draw(_ scene: TestPatternScene) {
        guard rows > 1 else { return }
        for bit in 0..<min(TestPatternScene.codeBits, columns) {
            let isSet = scene.code >> UInt32(TestPatternScene.codeBits - 1 - bit) & 1 == 1
            blocks[columns + bit] = isSet ? .white : .black
        }
        let lines = scene.lines
        let width = lines.position.count * TestPatternFont.advance
        guard columns >= width, rows >= 22 else { return }
        write(lines.time, row: 3)
        write(lines.position, row: 15)
        for column in 0..<columns {
            blocks[(rows - 1) * columns + column] = column * 100 < scene.zoom * columns ? .white : .black
        }
    }

    /// White on a black band.
    private mutating func write(_ text: String, row top: Int) {
        for index in (top - 1) * columns..<(top + TestPatternFont.rows + 1) * columns {
            blocks[index] = .black
        }
        let left = (columns - text.count * TestPatternFont.advance + 1) / 2
        for (column, row) in TestPatternFont.lit(text) where left + column < columns {
            blocks[(top + row) * columns + left + column] = .white
        }
    }

    /// The code of the scene that a decoded picture shows, as ``frameNumber(luma:width:)``.
    package static func sceneCode(luma: some RandomAccessCollection<UInt8>, width: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: number(luma: luma, width: width, row: 1, bits: TestPatternScene.codeBits))
    }

    /// The number that a decoded picture shows: `luma` is its brightness plane.
    package static func frameNumber(luma: some RandomAccessCollection<UInt8>, width: Int) -> Int {
        number(luma: luma, width: width, row: 0, bits: counterBits)
    }

    private static func number(
        luma: some RandomAccessCollection<UInt8>,
        width: Int,
        row: Int,
        bits: Int
    ) -> Int {
        (0..<bits).reduce(0) { number, bit in
            let middle = luma.index(
                luma.startIndex,
                offsetBy: (row * blockSize + blockSize / 2) * width + bit * blockSize + blockSize / 2
            )
            return number << 1 | (luma[middle] > 125 ? 1 : 0)
        }
    }
}
