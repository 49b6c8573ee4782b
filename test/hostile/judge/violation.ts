/** The invariants, as docs/security.md states them. */
export const INVARIANTS = {
  I1: 'no CPU is in the records of two claims',
  I2: 'no container but those of its own pods is told a CPU of a prepared claim',
  I3: 'a prepared claim has its record, and within 2 s its derived files',
  I4: 'an unprepared claim leaves no file; a refused unprepare keeps the CPUs',
  I5: 'the rightful container gets its CPUs, whatever came before',
  I6: 'every hook is answered in time, and the driver never stops pinning',
  I7: 'a prepared claim keeps its CPUs over kills, restarts and lost files',
  I8: "nothing outside the driver's directories is created, changed or removed",
  I9: 'what the API server holds is what readiness says',
  I10: 'what one input makes the driver say is bounded',
  I11: 'where no login is asked, no claim UID is shown',
} as const;

/** The name of an invariant. */
export type Invariant = keyof typeof INVARIANTS;

/** An invariant that did not hold. */
export interface Violation {
  readonly invariant: Invariant;
  readonly what: string;
}
