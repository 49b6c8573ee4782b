import type { HttpReply } from './http-reply.ts';

/** Takes the answer once it is made, or why it could not be. */
export interface ReplyTaker<Client> {
  readonly onReply: (client: Client, reply: HttpReply) => void;
  /** Called once per failure, before the clients get an answer that says so. */
  readonly onFailure: (error: unknown) => HttpReply;
}

/**
 * Clients that wait for answers which are being made. Those that wait for the same one share it, and one that hangs up leaves nothing
 * behind: thousands may come and go while a page waits for its next rendering.
 */
export class SharedReplies<Client> {
  readonly #waiting = new Map<Promise<HttpReply>, Set<Client>>();
  readonly #taker: ReplyTaker<Client>;

  constructor(taker: ReplyTaker<Client>) {
    this.#taker = taker;
  }

  /** Gives a client the answer when it is there. */
  add(client: Client, reply: Promise<HttpReply>): void {
    const clients = this.#waiting.get(reply);
    if (clients) {
      clients.add(client);
      return;
    }
    this.#waiting.set(reply, new Set([client]));
    void this.#deliver(reply);
  }

  /** The client is gone. */
  delete(client: Client): void {
    for (const clients of this.#waiting.values()) clients.delete(client);
  }

  async #deliver(reply: Promise<HttpReply>): Promise<void> {
    const made = await reply.catch(this.#taker.onFailure);
    const clients = this.#waiting.get(reply) ?? [];
    this.#waiting.delete(reply);
    for (const client of clients) this.#taker.onReply(client, made);
  }
}
