/**
 * How many connections are open at a time. The kubelet, scrapers and browsers need ten; the rest is so that a client which only holds
 * connections open is left to hold them, which costs less than letting it come again.
 */
export const CONNECTIONS_MAX = 512;

/** Bytes of answers that clients have not read yet, over all connections. */
export const UNREAD_MAX_BYTES = 8 * 1_024 * 1_024;

/** How often states that last too long are looked for, in milliseconds. */
const CHECK_INTERVAL_MS = 50;

/** How many connections are closed at a time; many that came together would take too long together. */
const EXPIRED_PER_CHECK = 8;

/** A connection as far as a table needs it. */
export interface OpenConnection {
  /** The client's address. */
  readonly address: string;
  /** "idle" between requests, "waiting" for an answer that is being made, or anything else. */
  readonly state: string;
  /** Bytes of an answer that the client may not have read yet. */
  readonly unreadBytes: number;
  /** Whether its state has lasted too long at this time, in milliseconds. */
  isExpired(nowMs: number): boolean;
  /** Hangs up; the table's `delete` is called before this returns. */
  drop(): void;
}

/** How a connection gives way: those between requests first, then those that wait for a page, then the others. */
const RANKS = ['idle', 'waiting', 'other'] as const;

/** The connections of one client by rank, each in the order in which their states began. */
type ClientConnections<Connection> = Readonly<Record<(typeof RANKS)[number], Set<Connection>>>;

function countOf(client: ClientConnections<unknown>): number {
  return client.idle.size + client.waiting.size + client.other.size;
}

function rankOf({ state }: OpenConnection): (typeof RANKS)[number] {
  return state === 'idle' || state === 'waiting' ? state : 'other';
}

/**
 * The open connections. There is always room for one more: one of the client that has most of them gives way. It is an idle one where
 * there is one, or one that waits for a page, and of these the one whose state has lasted longest; a probe needs milliseconds.
 */
export class ConnectionTable<Connection extends OpenConnection> {
  readonly #clients = new Map<string, ClientConnections<Connection>>();
  readonly #now: () => number;
  #size = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now milliseconds of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether connections may soon have to give way. */
  get isCrowded(): boolean {
    return this.#size > CONNECTIONS_MAX / 2;
  }

  /** Makes room, and takes a new connection. */
  add(connection: Connection): void {
    if (this.#size >= CONNECTIONS_MAX) this.#findVictim()?.drop();
    const { address } = connection;
    const client = this.#clients.get(address) ?? { idle: new Set(), waiting: new Set(), other: new Set() };
    this.#clients.set(address, client);
    client[rankOf(connection)].add(connection);
    this.#size += 1;
    this.#timer ??= setInterval(() => this.#closeExpired(), CHECK_INTERVAL_MS);
  }

  /** The connection has a new state. */
  update(connection: Connection): void {
    const client = this.#clients.get(connection.address);
    if (!client || !RANKS.some((rank) => client[rank].delete(connection))) return;
    client[rankOf(connection)].add(connection);
  }

  /** The connection is closed. */
  delete(connection: Connection): void {
    const client = this.#clients.get(connection.address);
    if (!client || !RANKS.some((rank) => client[rank].delete(connection))) return;
    this.#size -= 1;
    if (countOf(client) === 0) this.#clients.delete(connection.address);
    if (this.#size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Whether an answer of this size may be sent now. */
  hasRoomFor(bytes: number): boolean {
    let unread = 0;
    for (const { unreadBytes } of this.#all()) unread += unreadBytes;
    return unread === 0 || unread + bytes <= UNREAD_MAX_BYTES;
  }

  /** Hangs up on every client. */
  dropAll(): void {
    for (const connection of this.#all()) connection.drop();
  }

  #all(): Connection[] {
    return [...this.#clients.values()].flatMap((client) => RANKS.flatMap((rank) => [...client[rank]]));
  }

  #findVictim(): Connection | undefined {
    let largest: ClientConnections<Connection> | undefined;
    for (const client of this.#clients.values()) {
      if (!largest || countOf(client) > countOf(largest)) largest = client;
    }
    const rank = RANKS.find((each) => (largest?.[each].size ?? 0) > 0);
    const [victim] = (rank && largest?.[rank]) ?? [];
    return victim;
  }

  #closeExpired(): void {
    const nowMs = this.#now();
    const expired = this.#all().filter((connection) => connection.isExpired(nowMs));
    for (const connection of expired.slice(0, EXPIRED_PER_CHECK)) connection.drop();
  }
}
