import { HealthStatus, type NodeWatchResourcesResponse } from '../../src/gen/kubelet/dra-health-v1.ts';

/** The health of a device as a pod's status says it. */
export interface KnownHealth {
  readonly health: 'Healthy' | 'Unhealthy' | 'Unknown';
  readonly message: string;
}

/** A driver's device. */
export interface DeviceName {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
}

/** How long a report counts that does not say it (kubelet 1.37). */
const DEFAULT_LEASE_SECONDS = 30n;

const UNKNOWN: KnownHealth = { health: 'Unknown', message: '' };

function keyOf({ driver, pool, device }: DeviceName): string {
  return `${driver}/${pool}/${device}`;
}

function textOf(status: HealthStatus): KnownHealth['health'] {
  if (status === HealthStatus.HEALTHY) return 'Healthy';
  return status === HealthStatus.UNHEALTHY ? 'Unhealthy' : 'Unknown';
}

/** What drivers said of their devices' health; what is not said again in time becomes unknown. */
export class HealthCache {
  readonly #known = new Map<string, KnownHealth & { readonly expiresAtMs: number }>();
  readonly #onChange: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** `onChange` is called after every change. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Takes a report, which names all devices of the driver: others are forgotten. */
  report(driver: string, { devices }: NodeWatchResourcesResponse): void {
    const before = this.#textOf(driver);
    for (const key of this.#known.keys()) if (key.startsWith(`${driver}/`)) this.#known.delete(key);
    for (const { device, health, healthCheckTimeoutSeconds, message } of devices) {
      const key = keyOf({ driver, pool: device?.poolName ?? '', device: device?.deviceName ?? '' });
      const lease = healthCheckTimeoutSeconds > 0n ? healthCheckTimeoutSeconds : DEFAULT_LEASE_SECONDS;
      this.#known.set(key, { health: textOf(health), message, expiresAtMs: Date.now() + Number(lease) * 1_000 });
    }
    this.#expireLater();
    if (this.#textOf(driver) !== before) this.#onChange();
  }

  /** The health of a device, undefined when its driver says nothing of health at all. */
  find(name: DeviceName): KnownHealth | undefined {
    const known = this.#known.get(keyOf(name));
    if (known) return known.expiresAtMs > Date.now() ? known : UNKNOWN;
    return [...this.#known.keys()].some((key) => key.startsWith(`${name.driver}/`)) ? UNKNOWN : undefined;
  }

  /** Forgets everything. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#known.clear();
  }

  #textOf(driver: string): string {
    const entries = [...this.#known].filter(([key]) => key.startsWith(`${driver}/`));
    return JSON.stringify(entries.map(([key, { health, message }]) => [key, health, message]));
  }

  #expireLater(): void {
    clearTimeout(this.#timer);
    const soonestMs = Math.min(...[...this.#known.values()].map(({ expiresAtMs }) => expiresAtMs));
    if (!Number.isFinite(soonestMs)) return;
    this.#timer = setTimeout(() => this.#onChange(), Math.max(0, soonestMs - Date.now()) + 1).unref();
  }
}
