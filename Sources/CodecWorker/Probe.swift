import CLibSeccomp
import Glibc

/// What a worker that was broken into would try. Tests ask the real programme, confined as always, to try it:
/// `vedette-codec pictures --probe NAME` says `refused` and the error, or `allowed` with status 1.
enum Probe: String, CaseIterable {
    case read, write, socket, process, execute, signal, trace, memory, code

    func run() -> Never {
        let error =
            switch self {
            case .read: confinement_try_open("/etc/hostname", O_RDONLY)
            case .write: confinement_try_open("/tmp/vedette-codec-probe", O_WRONLY | O_CREAT)
            case .socket: confinement_try_socket()
            case .process: confinement_try_fork()
            case .execute: confinement_try_execute("/bin/true")
            case .signal: confinement_try_signal(getppid())
            case .trace: confinement_try_trace()
            case .memory: confinement_try_map(1 << 31, 0)
            case .code: confinement_try_map(4096, 1)
            }
        let text = Array((error == 0 ? "allowed\n" : "refused \(error)\n").utf8)
        _ = Glibc.write(STDOUT_FILENO, text, text.count)
        exit(error == 0 ? 1 : 0)
    }
}
