import net from 'node:net';
import type { Duplex } from 'node:stream';

/** Where runtimes listen for plugins when nobody says otherwise (containerd/nri, pkg/api). */
export const DEFAULT_NRI_SOCKET = '/var/run/nri/nri.sock';

/**
 * Connects to a runtime's socket.
 * @throws the system's error, for instance ECONNREFUSED for the socket of a runtime that is gone.
 */
export function connectSocket(path: string, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path });
    const abort = () => socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', abort));
    socket.once('connect', () => {
      socket.off('error', reject);
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
    if (signal.aborted) abort();
  });
}
