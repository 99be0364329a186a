// Counts by key that hold for the whole node, exact over all of its workers: what limits are made of.

/**
 * Token buckets (rates), levels that go up and down (connections, events in flight), sums over calendar windows, or
 * memories of what may be taken once (signatures).
 */
export type TableSettings = BucketSettings | LevelSettings | WindowSettings | MemorySettings

interface TableCommon {
  /** Keys with a count of their own at the same time. Above it keys share counts: early refusals, never too many. */
  readonly keysMax: number
  /** `cluster`: one count for all nodes that share a store. Levels always count in one node. */
  readonly across?: 'node' | 'cluster'
}

/** Refills evenly. At no instant more was taken than `burstUnits` + `unitsPerSecondMax` x elapsed seconds. */
export interface BucketSettings extends TableCommon {
  readonly kind: 'bucket'
  readonly unitsPerSecondMax: number
  readonly burstUnits: number
}

export interface LevelSettings extends TableCommon {
  readonly kind: 'level'
  readonly levelMax: number
}

/** Starts over at every full UTC hour or UTC midnight. */
export interface WindowSettings extends TableCommon {
  readonly kind: 'window'
  readonly window: 'hour' | 'day'
  readonly unitsMax: number
}

/** Keys that are known until they may be forgotten. */
export interface MemorySettings extends TableCommon {
  readonly kind: 'memory'
  /** The longest that any key has to be known. */
  readonly knownMsMax: number
  /** Keys are known no longer than was asked for; else a second longer, as whoever asked may have had another clock. */
  readonly exact?: true
}

/**
 * What a memory says of a key: `under-way` where another one has taken it and may give it back (or nobody can tell at
 * this moment), `used-up` where nobody will, nor can tell that it was never taken.
 */
export type Taking = 'taken' | 'under-way' | 'used-up'

/**
 * One table as one worker sees it. Never throws. Time is the table's own: a clock that all workers share and that
 * nobody can set, and for windows the wall clock.
 */
export interface Table {
  readonly settings: TableSettings
  /** Takes as many of `units` as there are, all or a part, and returns how many. With `whole`, takes all or none. */
  take (key: string, units: number, whole: boolean): number
  /**
   * Only of tables whose units lie elsewhere, and asked where `take` gave less than was wanted: takes once they have
   * been fetched. Undefined: what `take` said is final. Resolves in bounded time, and never rejects.
   */
  takeSoon? (key: string, units: number, whole: boolean): Promise<number> | undefined
  /**
   * Gives back units of a level. Of the other kinds, units of this worker's last `take` for the same key that nobody
   * used; where another worker has taken in between, a bucket keeps them: it must never hold too many.
   */
  give (key: string, units: number): void
  /**
   * What could be taken now, and in how many milliseconds there will be `units` (or as many as there can ever be)
   * again; 0: now. A level cannot tell when: it says 1000. Of a memory nothing can be taken so, and `waitMs` is for how
   * long the key is still known: 0 where it is not.
   */
  read (key: string, units: number): { readonly leftUnits: number, readonly waitMs: number }
  /**
   * Of a memory, which takes nothing in any other way: `taken` the first time in the whole node. `knownMs` is how long
   * the key has to be known from now on; asked again later, it is so much shorter. Where there is no room, those go
   * that may be forgotten first, and no key is taken from then on that may be forgotten as early: it could be one of
   * them.
   */
  takeOnce? (key: string, knownMs: number): Taking
  /** Of a memory: what this worker took once is not given back any more, and whoever asks is told so. */
  useOnce? (key: string): void
  /**
   * Of a memory: gives back what this worker took once, so that it can be taken again; not where it had to make room
   * meanwhile. Only within its `knownMs`: after that somebody else may have taken the same.
   */
  giveOnce? (key: string): void
  /** Keys that have a count of their own now. */
  readonly keysCount: () => number
}
