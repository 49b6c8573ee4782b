import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Dice } from '../../lib/testing/dice.ts';
import { eventually } from '../../lib/testing/eventually.ts';
import type { ApiServer } from '../../../embedded/apiserver/api-server.ts';
import type { ApiObject, CollectionAddress, ObjectAddress } from '../api-object.ts';
import { ApiClient, type WriteOptions } from '../client.ts';
import { ApiConnection } from '../connection.ts';
import { cpuDevices, newCluster, newPublisher } from '../testing/cluster.ts';

/** A client whose answers to writes come late: `hold` is waited for once the server has carried a write out. */
class LateClient extends ApiClient {
  readonly #hold: (answer: ApiObject) => Promise<void>;

  constructor(url: string, hold: (answer: ApiObject) => Promise<void>) {
    const connection = new ApiConnection({ server: new URL(url), skipTlsVerify: false }, { environment: {} });
    super(connection, { userAgent: 'dracpu-test' });
    this.#hold = hold;
  }

  override async create<T extends ApiObject>(address: CollectionAddress, body: object, options: WriteOptions = {}) {
    return this.#late(await super.create<T>(address, body, options));
  }

  override async update<T extends ApiObject>(address: ObjectAddress, body: object, options: WriteOptions = {}) {
    return this.#late(await super.update<T>(address, body, options));
  }

  async #late<T extends ApiObject>(answer: T): Promise<T> {
    await this.#hold(answer);
    return answer;
  }
}

function slicesOf(server: ApiServer) {
  return server.store.list('resourceslices').items;
}

/** Whether the API server holds the whole pool and nothing else. */
function isWhole(server: ApiServer, deviceCount: number): boolean {
  const slices = slicesOf(server);
  const generations = new Set(slices.map(({ spec }) => spec.pool?.generation));
  const isCounted = slices.every(({ spec }) => spec.pool?.resourceSliceCount === slices.length);
  return isCounted && generations.size === 1 && slices.flatMap(({ spec }) => spec.devices ?? []).length === deviceCount;
}

describe('SlicePublisher while others write too', () => {
  it('publishes a slice again that was deleted before the answer to its POST came (issue 13, line 13)', async (t) => {
    const { server } = await newCluster(t);
    let held = 0;
    const client = new LateClient(server.url, async ({ metadata }) => {
      if ((held += 1) > 1) return;
      server.store.delete('resourceslices', metadata.name);
      // Long enough for the watch to tell of ADDED and DELETED.
      await delay(100);
    });
    const publisher = newPublisher(t, { client });
    publisher.setDevices(cpuDevices(3));
    publisher.start();
    await eventually('a slice stands in the API', () => held >= 2 && isWhole(server, 3));
    await eventually('published', () => publisher.state.kind === 'published');
  });

  it('ends with a whole pool after any mixture of late answers and strange writes (seeds 1-6)', async (t) => {
    for (let seed = 1; seed <= 6; seed += 1) await mix(t, seed);
  });

  it('leaves slices of other drivers and nodes alone where the server knows no field selector', async (t) => {
    const { server, client } = await newCluster(t);
    const pool = { name: 'n1', generation: 1, resourceSliceCount: 1 };
    const others = { driver: 'dra.net', nodeName: 'n1', pool, devices: [{ name: 'nic' }] };
    server.store.create('resourceslices', { metadata: { name: 'others' }, spec: others });
    server.store.create('resourceslices', {
      metadata: { name: 'elsewhere' },
      spec: { ...others, driver: 'dra.cpu', nodeName: 'n2', pool: { ...pool, name: 'n2' } },
    });
    const list = client.list.bind(client);
    client.list = (address, options) => list(address, { ...options, fieldSelector: '' });
    const publisher = newPublisher(t, { client });
    publisher.setDevices(cpuDevices(3));
    publisher.start();
    await eventually('published', () => publisher.state.kind === 'published');
    await publisher.stop({ removeSlices: true });
    const names = slicesOf(server).map(({ metadata }) => metadata.name);
    assert.deepEqual(names.sort(), ['elsewhere', 'others']);
  });

  it('asks once for a strange slice to go that waits for a finalizer', async (t) => {
    const { server, client } = await newCluster(t);
    const pool = { name: 'n1', generation: 1, resourceSliceCount: 1 };
    const spec = { driver: 'dra.cpu', nodeName: 'n1', pool, devices: [{ name: 'cpu' }] };
    server.store.create('resourceslices', { metadata: { name: 'strange', finalizers: ['example.com/wait'] }, spec });
    const publisher = newPublisher(t, { client });
    publisher.setDevices(cpuDevices(3));
    publisher.start();
    await eventually('published', () => publisher.state.kind === 'published');
    publisher.setDevices(cpuDevices(4));
    await eventually('4 devices', () => slicesOf(server).some(({ spec: { devices } }) => devices?.length === 4));
    assert.equal(server.counts.of('delete', 'resourceslices'), 1);
  });
});

/** A publisher with late answers, beside a program that deletes, edits and adds slices, watches that break and history that is lost. */
async function mix(t: Parameters<typeof newCluster>[0], seed: number): Promise<void> {
  const dice = new Dice(seed);
  const { server } = await newCluster(t);
  let isCalm = false;
  const client = new LateClient(server.url, async () => (isCalm ? undefined : delay(dice.below(30))));
  const publisher = newPublisher(t, { client, random: () => 0 });
  publisher.setDevices(cpuDevices(200));
  publisher.start();
  for (let step = 0; step < 60; step += 1) {
    const slice = dice.pick(slicesOf(server));
    const what = dice.below(6);
    if (what === 0 && slice) server.store.delete('resourceslices', slice.metadata.name);
    else if (what === 1 && slice) {
      const edited = structuredClone(slice);
      edited.spec.devices?.pop();
      server.store.update('resourceslices', edited);
    } else if (what === 2) publisher.setDevices(cpuDevices(100 + dice.below(200)));
    else if (what === 3) server.store.forgetHistory();
    else if (what === 4) server.faults.failNext({ answer: 'reset', resource: 'resourceslices' });
    await delay(dice.below(20));
  }
  isCalm = true;
  publisher.setDevices(cpuDevices(150));
  // Repairs slow down to one in ten seconds while slices are changed again and again.
  await eventually(`seed ${seed}: the whole pool`, () => isWhole(server, 150), 25_000);
  await publisher.stop();
}
