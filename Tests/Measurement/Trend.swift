/// The straight line that lies nearest to some points (least squares).
package struct Trend: Sendable {
    /// Rise for each unit of `x`; 0 for fewer than two places.
    package let slope: Double
    package let mean: Double

    package init(_ points: [(x: Double, y: Double)]) {
        let count = Double(max(1, points.count))
        let meanX = points.reduce(0) { $0 + $1.x } / count
        let meanY = points.reduce(0) { $0 + $1.y } / count
        let spread = points.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
        let product = points.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) }
        slope = spread > 0 ? product / spread : 0
        mean = meanY
    }
}
