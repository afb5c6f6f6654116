/// Lets a bounded number of tasks do something at the same time; the others wait in line.
actor Turnstile {
    private var free: Int
    private var line: [CheckedContinuation<Void, Never>] = []
    private var served = 0

    init(_ most: Int) {
        free = most
    }

    nonisolated func pass<Result: Sendable>(_ body: @Sendable () async -> Result) async -> Result {
        await enter()
        let result = await body()
        await leave()
        return result
    }

    private func enter() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { line.append($0) }
    }

    private func leave() {
        guard served < line.count else {
            line = []
            served = 0
            free += 1
            return
        }
        let next = line[served]
        served += 1
        if served == line.count {
            line = []
            served = 0
        }
        next.resume()
    }
}
