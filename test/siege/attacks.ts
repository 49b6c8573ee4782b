import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A source of choices that a seed determines. */
export interface Choices {
  /** An integer from `least` to `most`. */
  readonly between: (least: number, most: number) => number;
  readonly oneOf: <T>(values: readonly T[]) => T;
}

/** xorshift32: enough to vary an attack, and the same numbers everywhere. */
export function chooseBySeed(seed: number): Choices {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const between = (least: number, most: number) => least + (next() % (most - least + 1));
  return { between, oneOf: (values) => values[between(0, values.length - 1)] as (typeof values)[number] };
}

/** What one connection does to the server, until the server hangs up or the attack ends it. */
type Behavior = (socket: net.Socket, choices: Choices) => Promise<void> | void;

/** How a server is attacked: this many connections, each opened again as soon as it is gone. */
interface Attack {
  readonly connections: readonly [least: number, most: number];
  readonly behave: Behavior;
}

const PAGES = ['/topology', '/topology.json', '/metrics', '/topology.json?machine=no'] as const;
const PROBES = ['/livez', '/readyz', '/healthz'] as const;

/** A request as browsers and scrapers write it. */
function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: node\r\n\r\n`;
}

/** Reads answers as fast as they come and asks again after each. */
async function askAgainAndAgain(socket: net.Socket, path: string): Promise<void> {
  socket.on('data', () => {});
  while (!socket.destroyed) {
    socket.write(get(path));
    await once(socket, 'data');
  }
}

/** The sieges by name. */
export const attacks = {
  pipelining: {
    connections: [1, 80],
    behave: (socket, { oneOf }) => {
      socket.write(get(oneOf(PAGES)).repeat(4_000));
      if (oneOf([true, false])) socket.resume();
      else socket.pause();
    },
  },
  'pipelined probes': {
    connections: [20, 80],
    behave: async (socket, { oneOf, between }) => {
      socket.resume();
      const burst = get(oneOf(PROBES)).repeat(between(100, 4_000));
      while (!socket.destroyed) {
        if (!socket.write(burst)) await once(socket, 'drain');
        await sleep(1);
      }
    },
  },
  'never reading': {
    connections: [60, 200],
    behave: async (socket, { oneOf, between }) => {
      socket.pause();
      while (!socket.destroyed) {
        socket.write(get(oneOf(PAGES)));
        await sleep(between(1, 200));
      }
    },
  },
  'slow headers': {
    connections: [64, 300],
    behave: async (socket, { between }) => {
      socket.resume();
      socket.write('GET /topology HTTP/1.1\r\nHost: node\r\nX: ');
      while (!socket.destroyed) {
        await sleep(between(20, 500));
        socket.write('x');
      }
    },
  },
  'idle connections': {
    connections: [64, 500],
    behave: (socket, { oneOf }) => {
      socket.resume();
      if (oneOf([true, false])) socket.write(get('/livez'));
    },
  },
  'huge headers': {
    connections: [20, 100],
    behave: async (socket, { between }) => {
      socket.resume();
      const line = `X-${'y'.repeat(between(10, 6_000))}: ${'z'.repeat(between(100, 60_000))}\r\n`;
      socket.write('GET / HTTP/1.1\r\n');
      while (!socket.destroyed) if (!socket.write(line)) await once(socket, 'drain');
    },
  },
  'half-open': {
    connections: [50, 200],
    behave: async (socket, { oneOf, between }) => {
      if (oneOf([true, false])) socket.pause();
      else socket.resume();
      socket.end(get(oneOf(PAGES)).slice(0, between(0, 60)));
      await sleep(between(1, 2_000));
      if (oneOf([true, false])) socket.resetAndDestroy();
    },
  },
  'new connections': {
    connections: [100, 300],
    behave: async (socket, { oneOf, between }) => {
      socket.resume();
      socket.write(get(oneOf([...PAGES, ...PROBES])));
      await sleep(between(0, 5));
      if (oneOf([true, false])) socket.resetAndDestroy();
      else socket.destroy();
    },
  },
  'busy readers': {
    connections: [64, 64],
    behave: (socket, { oneOf }) => askAgainAndAgain(socket, oneOf(PAGES)),
  },
  'busy probes': {
    connections: [64, 64],
    behave: (socket, { oneOf }) => askAgainAndAgain(socket, oneOf(PROBES)),
  },
} as const satisfies Record<string, Attack>;

/** The name of a siege. */
export type AttackName = keyof typeof attacks;

/** How long a connection attempt may take before another is made, in milliseconds. */
const CONNECT_TIMEOUT_MS = 2_000;

async function attackOnce(port: number, behave: Behavior, choices: Choices): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    socket.on('end', () => socket.destroy());
    await Promise.race([closed, behave(socket, choices)]);
    // Whoever behaves without end is done when the server hangs up; whoever only opens stays until then.
    if (!socket.destroyed) await closed;
  } catch {
    socket.destroy();
  }
}

/** Attacks until the process ends. */
export function attack(port: number, { connections, behave }: Attack, choices: Choices): void {
  const count = choices.between(...connections);
  const keepGoing = async () => {
    for (;;) {
      await attackOnce(port, behave, choices);
      await sleep(0);
    }
  };
  for (let each = 0; each < count; each += 1) void keepGoing();
}
