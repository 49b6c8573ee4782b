import type { HttpReply } from './http-reply.ts';

/** Time between two turns, in milliseconds. */
const TURN_INTERVAL_MS = 1;

/** Whether an answer was sent; one that has to wait stays first in line. */
export type TurnResult = 'sent' | 'wait';

/** How answers are sent. */
export interface TurnOptions<Client> {
  readonly send: (client: Client, reply: HttpReply) => TurnResult;
  /** How many are sent in one turn. */
  readonly perTurn: number;
}

/**
 * Sends answers in turns, first come, first served, so that what else the process does (answering the container runtime, first of
 * all) gets most of the time, however fast clients ask.
 */
export class AnswerTurns<Client> {
  readonly #options: TurnOptions<Client>;
  readonly #waiting = new Map<Client, HttpReply>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TurnOptions<Client>) {
    this.#options = options;
  }

  /** Sends an answer in its turn. */
  add(client: Client, reply: HttpReply): void {
    this.#waiting.set(client, reply);
    if (this.#timer === undefined) this.#timer = setTimeout(this.#takeTurn, 0);
  }

  /** The client is gone. */
  delete(client: Client): void {
    this.#waiting.delete(client);
  }

  readonly #takeTurn = (): void => {
    let left = this.#options.perTurn;
    for (const [client, reply] of this.#waiting) {
      if (left === 0 || this.#options.send(client, reply) === 'wait') break;
      this.#waiting.delete(client);
      left -= 1;
    }
    this.#timer = this.#waiting.size === 0 ? undefined : setTimeout(this.#takeTurn, TURN_INTERVAL_MS);
  };
}
