import { formatTable } from '../../src/view/text-table.ts';
import type { ClusterState, PlacedContainer } from './cluster-state.ts';

/** One thing that was looked at. */
export interface DemoCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail?: string;
}

/** A container as the JSON document has it. */
interface ContainerEntry {
  readonly pod: string;
  readonly container: string;
  readonly claim?: string;
  readonly wanted: string;
  readonly actual: string;
}

/** What `dracpu demo --json` prints. */
export interface DemoDocument {
  readonly checks: readonly DemoCheck[];
  readonly containers: readonly ContainerEntry[];
  readonly passed: number;
  readonly failed: number;
}

function toEntry({ pod, container, claim, wanted, actual }: PlacedContainer): ContainerEntry {
  return { pod, container, ...(claim === undefined ? {} : { claim }), wanted: String(wanted), actual: String(actual) };
}

/** Tells people what happens as it happens, and keeps what was found. */
export class DemoReport {
  readonly #write: (line: string) => void;
  readonly #startMs = performance.now();
  readonly #checks: DemoCheck[] = [];
  /** As each container was seen last. */
  readonly #containers = new Map<string, ContainerEntry>();

  /** `write` takes a line for people. */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  get failed(): number {
    return this.#checks.filter(({ ok }) => !ok).length;
  }

  /** Says what is being done now. */
  step(text: string): void {
    const seconds = ((performance.now() - this.#startMs) / 1_000).toFixed(1);
    this.#write(`\n[${seconds} s] ${text}`);
  }

  /** Says something more about it. */
  note(text: string): void {
    this.#write(`  ${text}`);
  }

  check(name: string, ok: boolean, detail?: string): void {
    this.#checks.push({ name, ok, ...(detail === undefined ? {} : { detail }) });
    this.#write(`  ${ok ? 'ok  ' : 'FAIL'} ${name}${detail === undefined ? '' : `: ${detail}`}`);
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    for (const line of formatTable(head, rows)) this.#write(`    ${line}`);
  }

  /** The table of containers, and that each runs where it is meant to. */
  placement({ containers, isSimulated }: ClusterState, when: string): void {
    const allowed = isSimulated ? 'CPUS SIMULATED' : 'KERNEL ALLOWS';
    const head = ['POD', 'CONTAINER', 'CLAIM', 'CPUS GIVEN', allowed];
    this.table(
      head,
      containers.map(({ pod, container, claim, wanted, actual }) => {
        return [pod, container, claim ?? '(shared)', String(wanted), String(actual)];
      }),
    );
    for (const placed of containers) {
      const entry = toEntry(placed);
      this.#containers.set(`${entry.pod}/${entry.container}`, entry);
      const { wanted, actual } = entry;
      const isRight = wanted === actual;
      this.check(
        `${entry.pod}/${entry.container} runs on the CPUs it was given${when}`,
        isRight,
        isRight ? actual : `given ${wanted}, allowed ${actual}`,
      );
    }
  }

  get document(): DemoDocument {
    const passed = this.#checks.length - this.failed;
    return { checks: this.#checks, containers: [...this.#containers.values()], passed, failed: this.failed };
  }
}
