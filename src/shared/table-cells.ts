// The shared memory of one table of counts: sets of eight ways, one lock and one crowd per set.

import type { TableSettings } from '../contract/table.ts'
import type { KeySeed } from './key-hash.ts'

/** Keys with the same place compete for so many ways. */
export const waysCount = 8
/** With `keysMax` keys counted at once, one set in 4,000 has more than eight of them. */
const keysPerSet = 2
const headerWords = 16

/**
 * Every part is words of 32 bits, one array for each, so that the fingerprints of a set lie side by side:
 * header: sets, workers, words per count, seed (2)
 * locks: per set, 0 or worker + 1
 * marks: per way, not 0 while another key may take its place (levels), or while its key may be given back (memories)
 * prints: per way, the fingerprint, 0 where none was ever
 * counts: per way and, behind them, one more per set: the crowd, for keys that find no way
 */
export interface TableCells {
  readonly sets: number
  readonly workerCount: number
  readonly seed: KeySeed
  readonly locks: Int32Array
  readonly marks: Int32Array
  readonly prints: Int32Array
  /** `countWords` for each of the ways of all sets, then for each crowd. */
  readonly counts: Int32Array
  /** The same memory in words of 64 bits. */
  readonly wideCounts: BigUint64Array
  readonly countWords: number
}

function setsOf (keysMax: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(keysMax / keysPerSet)))
}

/** A bucket is one time, as is what a memory knows, a window one wide word, a level one count for each worker. */
function countWordsOf ({ kind }: TableSettings, workerCount: number): number {
  return kind === 'bucket' || kind === 'memory' ? 1 : kind === 'window' ? 2 : workerCount
}

function wordsOf (sets: number, countWords: number): number {
  const words = headerWords + sets * (1 + 2 * waysCount) + sets * (waysCount + 1) * countWords
  return words + words % 2
}

/** Bytes of the shared memory of a table. */
export function tableBytes (settings: TableSettings, workerCount: number): number {
  return 4 * (wordsOf(setsOf(settings.keysMax), countWordsOf(settings, workerCount)) + 2)
}

/** The memory, all zero but for its header. */
export function createTableCells (settings: TableSettings, workerCount: number, seed: KeySeed): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(tableBytes(settings, workerCount))
  const header = new Int32Array(shared, 0, headerWords)
  header.set([setsOf(settings.keysMax), workerCount, countWordsOf(settings, workerCount), seed.low, seed.high])
  return shared
}

export function openTableCells (shared: SharedArrayBuffer): TableCells {
  const [sets = 0, workerCount = 0, countWords = 0, low = 0, high = 0] = new Int32Array(shared, 0, headerWords)
  let at = headerWords
  const part = (words: number): Int32Array => {
    const cells = new Int32Array(shared, at * 4, words)
    at += words
    return cells
  }
  const locks = part(sets)
  const marks = part(sets * waysCount)
  const prints = part(sets * waysCount)
  at += at % 2
  const words = sets * (waysCount + 1) * countWords
  return {
    sets, workerCount, countWords, seed: { low, high }, locks, marks, prints,
    counts: part(words),
    wideCounts: new BigUint64Array(shared, (at - words) * 4, Math.floor(words / 2))
  }
}
