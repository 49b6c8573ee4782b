import type { BindAddress } from '../../config/values.ts';

const TIMEOUT_MS = 5_000;

/** Addresses that stand for every address of the machine, and one of them that can be asked. */
const EVERY_ADDRESS: ReadonlyMap<string, string> = new Map([
  ['', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '[::1]'],
]);

/** Where a server that listens on an address is asked from the same machine. */
function urlOfDriver({ host = '', port }: BindAddress): string {
  const name = EVERY_ADDRESS.get(host) ?? (host.includes(':') ? `[${host}]` : host);
  return `http://${name}:${port}`;
}

/** The text of one of the driver's pages, whatever its status: `/readyz` tells most when it fails. */
export async function readDriverPage(address: BindAddress, path: string): Promise<string> {
  const answer = await fetch(`${urlOfDriver(address)}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  return answer.text();
}
