import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { type DeviceStatus, describeClaimStatus, type StatusCondition } from '../prepare/claim-status.ts';
import { type DeviceHealth, judgeHealth } from '../prepare/health.ts';
import type { HealthSource } from '../kubelet/health-service.ts';
import type { Foundation } from './foundation.ts';
import type { Pinning } from '../containers/pinning.ts';

/** What the monitor looks at, and where it tells what it sees. */
export interface HealthMonitorPorts {
  readonly foundation: Pick<Foundation, 'machine' | 'ledger'>;
  readonly pinning: Pick<Pinning, 'containers' | 'driftReport' | 'whyNotPinning'>;
  /** What is to be said of how containers use a claim, by its UID. */
  readonly usageOf: (uid: string) => readonly StatusCondition[];
  /** Shows a claim's devices in its status. */
  readonly setStatus: (claim: PreparedClaim, devices: readonly DeviceStatus[]) => void;
}

/** How the node's devices are: told to the kubelet's health streams and, claim by claim, in claims' statuses. */
export class HealthMonitor implements HealthSource {
  readonly #ports: HealthMonitorPorts;
  readonly #listeners = new Set<() => void>();
  #lastHealth = '';
  #lastUsage = '';
  #isSilent = false;

  constructor(ports: HealthMonitorPorts) {
    this.#ports = ports;
  }

  read(): DeviceHealth[] {
    if (this.#isSilent) return [];
    const { foundation, pinning } = this.#ports;
    const { machine, ledger } = foundation;
    return judgeHealth({
      pool: machine.pool,
      deviceNames: machine.devices.devices.map(({ name }) => name),
      claims: ledger.claims,
      containers: pinning.containers.decided,
      online: machine.topology.online,
      drift: pinning.driftReport,
      notPinning: pinning.whyNotPinning,
    });
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Another driver tells of the devices from now on: the streams that the kubelet still has with this one name none, instead of
   * contradicting it.
   */
  silence(): void {
    this.#isSilent = true;
  }

  /** Looks again, and tells everybody when something is other than at the last look. */
  check(): void {
    const health = JSON.stringify(this.read());
    const { foundation, usageOf } = this.#ports;
    const usage = JSON.stringify(foundation.ledger.claims.flatMap(({ uid }) => usageOf(uid).map((one) => [uid, one])));
    const isFirst = this.#lastHealth === '';
    const isOther = health !== this.#lastHealth;
    if (!isOther && usage === this.#lastUsage) return;
    this.#lastHealth = health;
    this.#lastUsage = usage;
    if (isOther) for (const listener of this.#listeners) listener();
    if (!isFirst) this.reportClaims();
  }

  /** Shows one claim, or all of them, as they are now. */
  reportClaims(claims: readonly PreparedClaim[] = this.#ports.foundation.ledger.claims): void {
    const health = this.read();
    const { topology } = this.#ports.foundation.machine;
    // Claims from another driver's files have no names to be found by.
    for (const claim of claims.filter(({ assignments }) => assignments.length > 0)) {
      this.#ports.setStatus(claim, describeClaimStatus(claim, topology, health, this.#ports.usageOf(claim.uid)));
    }
  }
}
