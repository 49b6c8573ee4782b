import { setImmediate } from 'node:timers/promises';
import type { Dice } from '../../lib/testing/dice.ts';

export { Dice } from '../../lib/testing/dice.ts';

/** What a task is about: a disk, the API server, time that goes by, an update on its way to the runtime, anything else. */
type TaskKind = 'disk' | 'api' | 'time' | 'update';

interface Task {
  readonly owner: object;
  readonly kind: TaskKind;
  readonly end: () => void;
}

/** All that is under way in a model. It ends when the model says so, in any order. */
export class Tasks {
  #waiting: Task[] = [];

  /** Resolves when the model ends the task; never when its owner is dropped before. */
  wait(owner: object, kind: TaskKind): Promise<void> {
    return new Promise((end) => void this.#waiting.push({ owner, kind, end }));
  }

  /** Ends one task, and lets happen what follows from it. False when there was none. */
  async endOne(dice: Dice, matches: (task: Pick<Task, 'owner' | 'kind'>) => boolean = () => true): Promise<boolean> {
    const task = dice.pick(this.#waiting.filter(matches));
    if (!task) return false;
    this.#waiting = this.#waiting.filter((other) => other !== task);
    task.end();
    await setImmediate();
    return true;
  }

  /** The process that waited was killed. */
  drop(owner: object): void {
    this.#waiting = this.#waiting.filter((task) => task.owner !== owner);
  }
}
