// The journal's counts and state in shared memory: one thread writes them, every worker and the supervisor read them.

/** What the journal can do now. Anything but `open` refuses events before the disk is touched. */
export const states = ['open', 'full', 'disk-full', 'broken', 'closed'] as const
export type JournalState = (typeof states)[number]

const cells = [
  'state', 'bytes', 'bytesMax', 'segmentCount', 'syncCount', 'syncMs', 'groupCount', 'quarantinedCount', 'suspectCount',
  'missingCount', 'refusedCount', 'truncatedBytes', 'uncheckedBytes', 'readBytes'
] as const
type Cell = (typeof cells)[number]

export type JournalStats = Readonly<Record<Exclude<Cell, 'state'>, number>> & { readonly state: JournalState }

export interface Levels {
  get (cell: Cell): number
  set (cell: Cell, value: number): void
  add (cell: Cell, value: number): void
  state (): JournalState
  setState (state: JournalState): void
}

export function createLevelCells (): SharedArrayBuffer {
  return new SharedArrayBuffer(cells.length * 8)
}

// Plain 64 bit stores: with one writer a reader sees an old or a new value, never half of one.
export function openLevels (shared: SharedArrayBuffer): Levels {
  const values = new Float64Array(shared)
  const get = (cell: Cell): number => values[cells.indexOf(cell)] ?? 0
  const set = (cell: Cell, value: number): void => { values[cells.indexOf(cell)] = value }
  return {
    get, set,
    add: (cell, value) => { set(cell, get(cell) + value) },
    state: () => states[get('state')] ?? 'closed',
    setState: state => { set('state', states.indexOf(state)) }
  }
}

export function readStats (levels: Levels): JournalStats {
  const stats: Record<string, number | JournalState> = {}
  for (const cell of cells) stats[cell] = levels.get(cell)
  return { ...stats, state: levels.state() } as JournalStats
}

/** Why events are refused now, for an operator; '' when they are not. Names the folder. */
export function reasonOf (levels: Levels, dir: string): string {
  switch (levels.state()) {
    case 'open': return ''
    case 'full':
      return `the journal in ${dir} is at its cap of ${levels.get('bytesMax')} bytes: ` +
        'move its oldest segments away or raise journal.bytesMax'
    case 'disk-full': return `the disk under the journal in ${dir} is full: make room there or enlarge it`
    case 'broken': return `the disk under the journal in ${dir} fails: see the log for the system's error`
    case 'closed': return `the journal in ${dir} is closed`
  }
}

/** What an operator should look at though events are taken; '' where there is nothing. Names the folder. */
export function degradedOf (levels: Levels, dir: string): string {
  const found: string[] = []
  const quarantinedCount = levels.get('quarantinedCount')
  const suspectCount = levels.get('suspectCount')
  const missingCount = levels.get('missingCount')
  if (quarantinedCount > 0) found.push(`${quarantinedCount} damaged ranges, copied to *.quarantine`)
  if (suspectCount > 0) found.push(`${suspectCount} segments in doubt (failed sync, or cut by something else), marked *.suspect`)
  if (missingCount > 0) found.push(`${missingCount} segments missing`)
  return found.length === 0 ? '' : `journal in ${dir}: ${found.join('; ')}`
}
