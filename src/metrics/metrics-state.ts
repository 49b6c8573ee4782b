/** The CPUs of one NUMA node or L3 cache that claims may take. */
export interface DomainUsage {
  /** The NUMA node's number or the L3 cache's ordinal. */
  readonly id: number;
  /** CPUs that a claim may take now. */
  readonly free: number;
  /** CPUs that claims hold. */
  readonly allocated: number;
  /** The most CPUs of this domain that one claim could get now, by the placement it asks for. */
  readonly largestAllocatable: Readonly<Record<string, number>>;
}

/** What is true at the moment of a scrape. */
export interface MetricsState {
  readonly allocatedCpus: number;
  readonly availableCpus: number;
  readonly reservedCpus: number;
  readonly activeClaims: number;
  /** CPUs that containers without a claim run on, and those of claims that share them. */
  readonly sharedPoolCpus: number;
  /** Files of sysfs that could not be read or contradict others. */
  readonly topologyProblems: number;
  readonly numaNodes: readonly DomainUsage[];
  readonly l3Caches: readonly DomainUsage[];
  /** What must hold for the driver to serve claims. */
  readonly conditions: readonly { readonly name: string; readonly ok: boolean }[];
  /** What the node's own settings contradict, one a check. */
  readonly findings: readonly { readonly check: string; readonly severity: string }[];
}
