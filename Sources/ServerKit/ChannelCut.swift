package import NIOCore
import NIOSSL

extension Channel {
    /// Closes without a word. `close()` lets TLS wait for the peer's farewell, which a hostile or vanished peer
    /// never sends: another 5 s for whoever has used up his time.
    package func cut() {
        eventLoop.execute {
            // A context's close goes on from there towards the socket, past the TLS handler itself.
            let context = try? self.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
            if let context { context.close(promise: nil) } else { self.close(promise: nil) }
        }
    }
}
