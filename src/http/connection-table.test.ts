import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CONNECTIONS_MAX, ConnectionTable, type OpenConnection, UNREAD_MAX_BYTES } from './connection-table.ts';

/** A connection that a test gives a state. */
class Fake implements OpenConnection {
  state = 'reading';
  unreadBytes = 0;
  expired = false;
  dropped = false;
  readonly address: string;
  readonly #table: ConnectionTable<Fake>;

  constructor(table: ConnectionTable<Fake>, address: string) {
    this.#table = table;
    this.address = address;
    table.add(this);
  }

  enter(state: string): void {
    this.state = state;
    this.#table.update(this);
  }

  isExpired(): boolean {
    return this.expired;
  }

  drop(): void {
    this.dropped = true;
    this.#table.delete(this);
  }
}

function fill(t: TestContext, addressOf: (index: number) => string = () => 'attacker') {
  const table = new ConnectionTable<Fake>(() => 0);
  t.after(() => table.dropAll());
  const connections = Array.from({ length: CONNECTIONS_MAX }, (_, index) => new Fake(table, addressOf(index)));
  return { table, connections };
}

const dropped = (connections: readonly Fake[]) => connections.flatMap(({ dropped: is }, index) => (is ? [index] : []));

test('ConnectionTable makes room for one more: the oldest idle connection gives way', (t) => {
  const { table, connections } = fill(t);
  connections[7]?.enter('idle');
  connections[3]?.enter('idle');
  assert.equal(new Fake(table, 'attacker').dropped, false);
  assert.deepEqual(dropped(connections), [7]);
  void new Fake(table, 'attacker');
  assert.deepEqual(dropped(connections), [3, 7]);
});

test('ConnectionTable drops who waits for a page where none is idle, then what has been in its state longest', (t) => {
  const { table, connections } = fill(t);
  connections[9]?.enter('waiting');
  connections[0]?.enter('closing');
  void new Fake(table, 'attacker');
  assert.deepEqual(dropped(connections), [9]);
  void new Fake(table, 'attacker');
  assert.deepEqual(dropped(connections), [1, 9]);
});

test('ConnectionTable takes from the client that has most, never from the kubelet or a scraper', (t) => {
  const { table, connections } = fill(t, (index) => (index === 0 ? 'kubelet' : 'attacker'));
  connections[0]?.enter('idle');
  for (let index = 0; index < 1_000; index += 1) void new Fake(table, 'attacker');
  const probe = new Fake(table, 'kubelet');
  for (let index = 0; index < 100; index += 1) void new Fake(table, 'attacker');
  assert.equal(connections[0]?.dropped, false);
  assert.equal(probe.dropped, false);
});

test('ConnectionTable bounds what clients have not read, and lets a single answer pass', (t) => {
  const { table, connections } = fill(t);
  assert(table.hasRoomFor(UNREAD_MAX_BYTES + 1));
  const [first, second] = connections;
  assert(first && second);
  first.unreadBytes = UNREAD_MAX_BYTES / 2;
  second.unreadBytes = UNREAD_MAX_BYTES / 4;
  assert(table.hasRoomFor(UNREAD_MAX_BYTES / 4));
  assert(!table.hasRoomFor(UNREAD_MAX_BYTES / 4 + 1));
  first.drop();
  assert(table.hasRoomFor(UNREAD_MAX_BYTES / 2));
});

test('ConnectionTable closes expired connections a few at a time', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { connections } = fill(t);
  for (const connection of connections) connection.expired = true;
  t.mock.timers.tick(50);
  const first = dropped(connections).length;
  assert(first > 0 && first <= 8, `${first} at once`);
  for (let round = 0; round < CONNECTIONS_MAX; round += 1) t.mock.timers.tick(50);
  assert.equal(dropped(connections).length, CONNECTIONS_MAX);
});
