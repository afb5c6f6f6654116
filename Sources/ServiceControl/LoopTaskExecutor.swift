import NIOCore

/// Runs tasks on one event loop. A login is a few steps around one look-up: on the loop of its connection they cost no
/// switch between threads, and its answer is written where it becomes known.
final class LoopTaskExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
