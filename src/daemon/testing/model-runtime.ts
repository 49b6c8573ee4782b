import { ClaimError } from '../../claims/claim-error.ts';
import { CpuSet } from '../../cpuset/cpu-set.ts';
import type { CpusetUpdate } from '../../containers/container.ts';
import { Container, LinuxContainer, LinuxCPU, LinuxResources, PodSandbox } from '../../gen/nri.ts';
import {
  type ContainerEvent,
  type ContainerUpdate,
  type Creation,
  newMessage,
  type NriHandlers,
} from '../../nri/index.ts';
import type { Dice } from './model-tasks.ts';

const CONTEXT = { signal: new AbortController().signal };

/** The driver as the runtime meets it. */
interface RuntimePlugin {
  readonly isConnected: boolean;
  readonly handlers: Required<NriHandlers>;
  /** It was told everything. */
  connected(): void;
}

/** A pod as the kubelet has it. */
export interface ModelPod {
  readonly uid: string;
  readonly namespace: string;
  /** Of the claim that it was made with. */
  readonly claimUid: string | undefined;
  /** Variables of its spec. */
  readonly env: readonly string[];
  /** Whether the kubelet was told that the claim is prepared. */
  isPrepared: boolean;
  /** Whether a call of the kubelet for it is under way. */
  isBusy: boolean;
  /** Whether its containers ended for good. */
  hasEnded: boolean;
}

/** A container as the runtime has it, created or running. */
export interface ModelContainer {
  readonly id: string;
  readonly pod: ModelPod;
  readonly env: readonly string[];
  cpus: string;
  mems: string;
  isRunning: boolean;
  /** Whether the driver has taken it for one that may not have what its variables say. */
  isConfined: boolean;
  /** The CPUs that it has for itself. */
  holds: CpuSet;
}

function sandboxOf({ uid, namespace }: ModelPod): PodSandbox {
  return newMessage(PodSandbox, { id: `box-${uid}`, uid, name: uid, namespace });
}

function eventOf({ id, pod, env, cpus, mems, isRunning }: ModelContainer): ContainerEvent {
  const linux = newMessage(LinuxContainer, {
    resources: newMessage(LinuxResources, { cpu: newMessage(LinuxCPU, { cpus, mems }) }),
  });
  const fields = { id, podSandboxId: `box-${pod.uid}`, name: 'main', env: [...env], pid: isRunning ? 4711 : 0, linux };
  return { pod: sandboxOf(pod), container: newMessage(Container, fields) };
}

/** The container runtime of a model: asks the driver, takes its answers, and says some things late, in any order or twice. */
export class ModelRuntime {
  readonly containers = new Map<string, ModelContainer>();
  /** How many answers of the driver were taken. */
  answers = 0;
  /** Whether other plugins fail now and then. */
  mayFail = true;
  readonly #dice: Dice;
  readonly #driver: () => RuntimePlugin;
  #late: (() => void)[] = [];
  #count = 0;

  constructor(dice: Dice, driver: () => RuntimePlugin) {
    this.#dice = dice;
    this.#driver = driver;
  }

  of(pod: ModelPod): ModelContainer[] {
    return [...this.containers.values()].filter((container) => container.pod === pod);
  }

  /** Creates and starts a container of a pod, which may be refused or fail. */
  create(pod: ModelPod, env: readonly string[]): void {
    this.#count += 1;
    const nothing = { cpus: '', mems: '', isRunning: false, isConfined: false, holds: CpuSet.empty };
    const container: ModelContainer = { id: `i${this.#count}`, pod, env, ...nothing };
    const driver = this.#driver();
    if (driver.isConnected && !this.#ask(driver, container)) return;
    this.containers.set(container.id, container);
    container.isRunning = this.#dice.chance(0.9);
    if (container.isRunning) this.#sayLate(({ handlers }) => handlers.postStartContainer(eventOf(container), CONTEXT));
  }

  stop(container: ModelContainer): void {
    this.containers.delete(container.id);
    this.#sayStop(container);
  }

  podEnded(pod: ModelPod): void {
    const event = { pod: sandboxOf(pod) };
    const driver = this.#driver();
    if (driver.isConnected) void driver.handlers.stopPodSandbox(event, CONTEXT);
    this.#sayLate(({ handlers }) => handlers.removePodSandbox(event, CONTEXT));
  }

  /** Somebody sets other CPUs and memory, such as the kubelet's CPU Manager. */
  update(container: ModelContainer): void {
    container.cpus = '0-11';
    container.mems = '0';
    const { handlers, isConnected } = this.#driver();
    if (isConnected) this.#take(handlers.updateContainer({ ...eventOf(container), resources: undefined }, CONTEXT));
  }

  /** Says one of the things that have yet to be said, if the driver is there. */
  sayOneLate(): void {
    const say = this.#dice.pick(this.#late);
    this.#late = this.#late.filter((other) => other !== say);
    say?.();
  }

  /** Lets the driver in and tells it everything. */
  connect(pods: readonly ModelPod[]): void {
    const driver = this.#driver();
    if (driver.isConnected) return;
    const containers = [...this.containers.values()].map((container) => eventOf(container).container);
    this.#take(driver.handlers.synchronize({ pods: pods.map(sandboxOf), containers }, CONTEXT));
    driver.connected();
  }

  /** Takes what was decided outside a hook. */
  apply(updates: readonly CpusetUpdate[]): void {
    for (const { containerId, cpus, memoryNodes } of updates) {
      this.#set(containerId, cpus.toString(), memoryNodes?.toString() ?? '');
    }
  }

  /** All containers are gone, as after a reboot. */
  clear(): void {
    this.containers.clear();
    this.#late = [];
  }

  /** False when the driver refuses it, or another plugin fails: then what the driver answered is lost. */
  #ask({ handlers }: RuntimePlugin, container: ModelContainer): boolean {
    try {
      const answer = handlers.createContainer(eventOf(container), CONTEXT) as Creation;
      if (this.mayFail && this.#dice.chance(0.1)) {
        this.#sayStop(container);
        return false;
      }
      container.cpus = answer.adjustment?.linux?.resources?.cpu?.cpus ?? '';
      container.mems = answer.adjustment?.linux?.resources?.cpu?.mems ?? '';
      this.#take(answer.updates ?? []);
      return true;
    } catch (error) {
      if (error instanceof ClaimError) return false;
      throw error;
    }
  }

  #take(answer: unknown): void {
    this.answers += 1;
    for (const { containerId, linux } of answer as readonly ContainerUpdate[]) {
      const { cpus = '', mems = '' } = linux?.resources?.cpu ?? {};
      this.#set(containerId, cpus, mems);
    }
  }

  /** As in the runtime, an empty list changes nothing. */
  #set(containerId: string, cpus: string, mems: string): void {
    const container = this.containers.get(containerId);
    if (!container) return;
    if (cpus !== '') container.cpus = cpus;
    if (mems !== '') container.mems = mems;
  }

  #sayStop(container: ModelContainer): void {
    const event = eventOf(container);
    const say = ({ handlers }: RuntimePlugin) => this.#take(handlers.stopContainer(event, CONTEXT));
    const driver = this.#driver();
    if (driver.isConnected) say(driver);
    if (this.#dice.chance(0.2)) this.#sayLate(say);
    this.#sayLate(({ handlers }) => handlers.removeContainer(event, CONTEXT));
  }

  #sayLate(say: (driver: RuntimePlugin) => unknown): void {
    this.#late.push(() => {
      const driver = this.#driver();
      if (driver.isConnected) say(driver);
    });
  }
}
