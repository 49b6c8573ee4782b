import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { silentLog } from '../lib/log.ts';
import { Dice } from '../lib/testing/dice.ts';
import { ApiError } from './api-error.ts';
import { type ApiObject, NODES } from './api-object.ts';
import type { ApiClient } from './client.ts';
import { ResourceCache } from './resource-cache.ts';
import { ModelApi } from './testing/model-api.ts';

/** Seeds that are tried: few in `make check`, more in long tests; DRACPU_SEEDS=17 for one of them, 1-9000 for many. */
const seeds = process.env['DRACPU_SEEDS'] ?? (process.env['DRACPU_LONG_TESTS'] ? '1-2000' : '1-150');
const [first = 1, last = first] = seeds.split('-').map(Number);
const STEPS = 250;
const NAMES = ['a', 'b', 'c'];

/** A cache of a model API server, and what may happen to both. */
class Story {
  readonly dice: Dice;
  readonly api: ModelApi;
  readonly cache: ResourceCache<ApiObject>;
  readonly trace: string[] = [];
  /** Whether a backup may be restored. What happens then may show at the next list alone. */
  readonly mayRestore: boolean;

  constructor(seed: number) {
    this.dice = new Dice(seed);
    this.api = new ModelApi(this.dice);
    this.mayRestore = this.dice.chance(0.3);
    for (const name of NAMES) if (this.dice.chance(0.5)) this.api.create(name);
    this.cache = new ResourceCache<ApiObject>({
      client: this.api.client as unknown as Pick<ApiClient, 'list' | 'watch'>,
      address: { resource: NODES },
      log: silentLog,
      onChange: () => {},
      onFailure: () => {},
      retry: { initialMs: 0, maxMs: 0 },
      verifyAfterMs: this.mayRestore ? 0 : Infinity,
    });
  }

  /** Writes, as the driver does, and takes in the answer. */
  #write(verb: 'create' | 'update' | 'delete', name: string): void {
    const note = this.cache.beginWrite();
    this.api.send(
      () => this.api[verb](name),
      (answer) => {
        this.trace.push(`answer ${verb} ${name}`);
        if (answer instanceof ApiError) return;
        if (verb === 'delete') this.cache.forget(answer.metadata.uid);
        else note(answer);
      },
    );
  }

  /** Writes, as another program does. */
  #writeOfOthers(verb: 'create' | 'update' | 'delete', name: string): void {
    try {
      this.api[verb](name);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  async step(): Promise<void> {
    const name = this.dice.pick(NAMES) ?? '';
    const verb = this.dice.pick(['create', 'update', 'delete'] as const) ?? 'create';
    const kinds: readonly (readonly [weight: number, what: string, run: () => unknown])[] = [
      [15, `send ${verb} ${name}`, () => this.#write(verb, name)],
      [10, `others ${verb} ${name}`, () => this.#writeOfOthers(verb, name)],
      [30, 'write step', () => this.api.stepWrite(true)],
      [15, 'list step', () => this.api.stepList(true)],
      [30, 'watch step', () => this.api.stepWatch(false)],
      [2, 'watch ends', () => this.api.endWatch(false)],
      [2, 'watch breaks', () => this.api.endWatch(true)],
      [1, 'history forgotten', () => this.api.forgetHistory()],
      [this.mayRestore ? 1 : 0, 'backup', () => this.api.backUp()],
      [this.mayRestore ? 1 : 0, 'restore', () => this.api.restore()],
    ];
    let left = this.dice.next() * kinds.reduce((sum, [weight]) => sum + weight, 0);
    const [, what, run] = kinds.find(([weight]) => (left -= weight) < 0) ?? [0, '', () => {}];
    this.trace.push(what);
    run();
    await setImmediate();
  }

  /** Lets everything arrive, undisturbed, until nothing is on its way. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 5; ) {
      const isMoving = this.api.stepWrite(false) || this.api.stepList(false) || this.api.stepWatch(true);
      idle = isMoving ? 0 : idle + 1;
      await (isMoving ? setImmediate() : delay(1));
    }
  }

  check(): void {
    const byName = (objects: readonly ApiObject[]) =>
      objects.map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`).sort();
    assert.equal(this.cache.isFilled, true);
    assert.deepEqual(byName(this.cache.objects), byName(this.api.objects));
  }
}

async function play(seed: number): Promise<void> {
  const story = new Story(seed);
  story.cache.start();
  try {
    for (let step = 0; step < STEPS; step += 1) await story.step();
    await story.settle();
    if (story.mayRestore) {
      // The list is made when the watch ends.
      story.api.endWatch(false);
      await story.settle();
    }
    story.check();
  } catch (error) {
    throw new Error(`seed ${seed}: ${story.trace.slice(-60).join(', ')}`, { cause: error });
  } finally {
    await story.cache.stop();
  }
}

describe('ResourceCache of a model API server', () => {
  it(`ends with what the API server holds, in whatever order events and answers come (seeds ${seeds})`, async () => {
    for (let seed = first; seed <= last; seed += 1) await play(seed);
  });
});
