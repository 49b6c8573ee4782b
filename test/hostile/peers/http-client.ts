import { Agent, request } from 'node:http';

/** An answer; status 0 where none came. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly durationMs: number;
}

const TIMEOUT_MS = 5_000;

/** Gets a page over a connection of its own. */
export async function get(port: number, path: string, timeoutMs = TIMEOUT_MS): Promise<HttpAnswer> {
  const startMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<HttpAnswer>();
  const finish = (status: number, body: string) => resolve({ status, body, durationMs: performance.now() - startMs });
  const agent = new Agent({ keepAlive: false });
  const message = request({ host: '127.0.0.1', port, path, agent, timeout: timeoutMs }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => finish(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
    response.on('error', () => finish(0, ''));
  });
  message.on('timeout', () => message.destroy());
  message.on('error', () => finish(0, ''));
  message.end();
  return promise;
}
