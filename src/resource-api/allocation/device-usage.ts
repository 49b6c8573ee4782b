import type { Device, ResourceClaim } from '../objects.ts';
import { parseQuantity } from '../quantity.ts';
import type { Consumption } from './consumed-capacity.ts';
import { deviceId } from './device-pool.ts';

/** What is taken of one device. */
interface Taken {
  /** Someone has the device as a whole. */
  holders: number;
  /** Nanos consumed by capacity name. */
  readonly consumed: Map<string, bigint>;
  /** How many allocations share it. */
  shares: number;
}

/** Which devices are in use, and how far; what is added last can be taken back. */
export class DeviceUsage {
  readonly #taken = new Map<string, Taken>();

  /** What the allocations of claims use; administrative access uses nothing. */
  static of(claims: readonly ResourceClaim[]): DeviceUsage {
    const usage = new DeviceUsage();
    for (const claim of claims) {
      for (const result of claim.status?.allocation?.devices.results ?? []) {
        if (result.adminAccess === true) continue;
        usage.take(
          deviceId(result),
          result.shareID === undefined ? undefined : readConsumption(result.consumedCapacity),
        );
      }
    }
    return usage;
  }

  #of(id: string): Taken {
    const known = this.#taken.get(id);
    if (known) return known;
    const taken: Taken = { holders: 0, consumed: new Map(), shares: 0 };
    this.#taken.set(id, taken);
    return taken;
  }

  /** Takes a device as a whole, or a share of it. */
  take(id: string, consumption: Consumption | undefined): void {
    this.#change(id, consumption, 1n);
  }

  /** Gives back what `take` took. */
  giveBack(id: string, consumption: Consumption | undefined): void {
    this.#change(id, consumption, -1n);
  }

  #change(id: string, consumption: Consumption | undefined, sign: 1n | -1n): void {
    const taken = this.#of(id);
    if (!consumption) {
      taken.holders += Number(sign);
      return;
    }
    taken.shares += Number(sign);
    for (const [name, { nanos }] of consumption)
      taken.consumed.set(name, (taken.consumed.get(name) ?? 0n) + sign * nanos);
  }

  /** Whether nobody uses the device. */
  isFree(id: string): boolean {
    const taken = this.#taken.get(id);
    return taken === undefined || (taken.holders === 0 && taken.shares === 0);
  }

  /** Whether a share fits beside what is consumed already. */
  hasRoom(id: string, device: Device, consumption: Consumption): boolean {
    const taken = this.#taken.get(id);
    if (taken && taken.holders > 0) return false;
    return [...consumption].every(([name, { nanos }]) => {
      const total = parseQuantity(device.capacity?.[name]?.value ?? '')?.nanos ?? 0n;
      return (taken?.consumed.get(name) ?? 0n) + nanos <= total;
    });
  }
}

function readConsumption(texts: Readonly<Record<string, string>> = {}): Consumption {
  return new Map(
    Object.entries(texts).map(([name, text]) => [
      name,
      parseQuantity(text) ?? { nanos: 0n, format: 'decimal' as const },
    ]),
  );
}
