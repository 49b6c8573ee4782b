import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Looks again even when nothing was reported, because a replaced directory leaves its watch behind. */
const CHECK_INTERVAL_MS = 250;

/** Who is told of sockets. */
export interface SocketListener {
  /** A socket is there, or another one under the same path. */
  onFound(path: string): void;
  onGone(path: string): void;
}

/** The sockets of a directory by path, each with what tells it from a successor; hidden ones are not looked at. */
async function readSockets(directory: string): Promise<Map<string, string>> {
  const names = await readdir(directory).catch(() => []);
  const sockets = new Map<string, string>();
  for (const name of names.filter((name) => !name.startsWith('.'))) {
    const path = join(directory, name);
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found?.isSocket()) sockets.set(path, `${found.ino} ${found.ctimeNs}`);
  }
  return sockets;
}

/** Finds the registration sockets of drivers as the kubelet's plugin watcher does. */
export class PluginWatcher {
  readonly #directory: string;
  readonly #listener: SocketListener;
  #known = new Map<string, string>();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The check under way, if any. */
  #checking: Promise<void> | undefined;
  #isWanted = false;

  constructor(directory: string, listener: SocketListener) {
    this.#directory = directory;
    this.#listener = listener;
  }

  /** Makes the directory where it is missing and looks at it from now on. */
  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    this.#timer = setInterval(() => this.#requestCheck(), CHECK_INTERVAL_MS);
    this.#requestCheck();
    await this.#checking;
  }

  /** Ends it and forgets what was found. May be called twice. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#checking;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#known.clear();
  }

  #requestCheck(): void {
    if (this.#timer === undefined) return;
    this.#isWanted = true;
    this.#checking ??= this.#checkWhileWanted();
  }

  async #checkWhileWanted(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      await this.#check();
    }
    this.#checking = undefined;
  }

  async #check(): Promise<void> {
    this.#watch();
    const found = await readSockets(this.#directory);
    if (this.#timer === undefined) return;
    const before = this.#known;
    this.#known = found;
    for (const path of before.keys()) if (!found.has(path)) this.#listener.onGone(path);
    for (const [path, identity] of found) if (before.get(path) !== identity) this.#listener.onFound(path);
  }

  /** A watch follows its directory, not the path: without an event in time a new one is set up. */
  #watch(): void {
    this.#watcher?.close();
    try {
      this.#watcher = watch(this.#directory, { persistent: false }, () => this.#requestCheck());
      this.#watcher.on('error', () => undefined);
    } catch {
      this.#watcher = undefined;
    }
  }
}
