// Reads a journal folder from outside, for `sluice tail`: read-only, also while a gateway writes to it.

import { setTimeout as wait } from 'node:timers/promises'
import { decodeRecord } from '../contract/record.ts'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'
import { JournalError, systemCode } from './journal-error.ts'
import { numberOf, readHead } from './layout.ts'
import type { Mark } from './layout.ts'
import { isLocked } from './lock.ts'
import { markName, readMark } from './mark.ts'
import type { SegmentItem } from './cursor.ts'
import { openSegment } from './segment.ts'
import type { OpenedSegment } from './segment.ts'

export interface JournalEvent {
  readonly kind: 'event'
  /** As in the receipt: "segment:position". */
  readonly journal: string
  readonly topic: string
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [string, Buffer])[]
}

export type JournalItem =
  | JournalEvent
  /** Bytes of a segment that cannot be read any more. */
  | { readonly kind: 'damage', readonly journal: string, readonly totalBytes: number }
  /** Segments that should be there and are not, by number, both included. */
  | { readonly kind: 'missing', readonly firstSegment: number, readonly lastSegment: number }
  /**
   * The file that says how far the journal is synced is gone, or damaged with no gateway running. While one runs
   * (`live`) its newest segment is not shown until the file is there again. Otherwise all that is intact is, but
   * events cut off at the very end go unnoticed.
   */
  | { readonly kind: 'mark-missing', readonly live: boolean }

export interface ReadOptions {
  /** `end`: only what comes from now on. */
  readonly from: 'beginning' | 'end'
  /** Goes on waiting for more at the end, until `signal` aborts. */
  readonly follow: boolean
  /** How often it looks for more, in milliseconds. */
  readonly pollMs?: number
  readonly signal?: AbortSignal
}

/** What may be read now: the segments, ascending, and how far each. */
interface View {
  readonly numbers: readonly number[]
  /** How far the journal was synced, in the segment written last. What cannot be read before that is no torn write. */
  readonly mark: Mark
  readonly markMissing: boolean
  readonly live: boolean
  /** Position behind the last byte that the journal will keep. */
  limitBytes (segment: OpenedSegment): number
}

/**
 * Every event that is on the disk, in the journal's order. What a running gateway has written but not synced is not
 * shown, because it may be taken back. Throws `JournalError` where the folder is no journal of this version.
 */
export async function * readJournal (dir: string, options: ReadOptions): AsyncGenerator<JournalItem, void, undefined> {
  const folder = openFolder(dir)
  const walk = new Walk(folder)
  let silent = options.from === 'end'
  try {
    for (;;) {
      for (const item of walk.items()) {
        if (options.signal?.aborted === true) return
        if (!silent) yield item
      }
      silent = false
      if (!options.follow || !await pause(options)) return
    }
  } finally {
    walk.close()
  }
}

/** False where the reader is to stop. */
async function pause (options: ReadOptions): Promise<boolean> {
  const { pollMs = 100, signal } = options
  try {
    await wait(pollMs, undefined, signal === undefined ? {} : { signal })
    return true
  } catch (error) {
    if (signal?.aborted === true) return false
    throw error
  }
}

/** Goes through the segments and remembers where it is. */
class Walk {
  readonly #folder: Folder
  #segment: OpenedSegment | undefined
  #nextNumber = 0
  /** Where damage at the end of the segment was told already. */
  #toldAt = 0
  #toldMark = false

  constructor (folder: Folder) {
    this.#folder = folder
  }

  close (): void {
    this.#segment?.close()
    this.#segment = undefined
  }

  /** What is new since the last call. */
  * items (): Generator<JournalItem, void, undefined> {
    const view = look(this.#folder)
    if (view.markMissing && !this.#toldMark) yield { kind: 'mark-missing', live: view.live }
    this.#toldMark = view.markMissing
    for (const number of view.numbers) {
      if (number < this.#nextNumber) continue
      if (this.#segment !== undefined && this.#segment.number < number) this.#leave()
      if (this.#nextNumber > 0 && number > this.#nextNumber) {
        yield { kind: 'missing', firstSegment: this.#nextNumber, lastSegment: number - 1 }
      }
      this.#nextNumber = number
      this.#segment ??= openIfThere(this.#folder, number)
      if (this.#segment === undefined) continue
      const ended = number !== view.numbers.at(-1)
      yield * this.#read(this.#segment, view, ended)
      if (ended) this.#leave()
    }
  }

  #leave (): void {
    this.#nextNumber = (this.#segment?.number ?? this.#nextNumber) + 1
    this.#toldAt = 0
    this.close()
  }

  * #read (segment: OpenedSegment, view: View, ended: boolean): Generator<JournalItem, void, undefined> {
    if (segment.cursor === undefined) {
      if (ended) yield damage(segment, 0, segment.bytes())
      return
    }
    const limitBytes = view.limitBytes(segment)
    const syncedBytes = view.mark.segment === segment.number ? view.mark.bytes : 0
    for (;;) {
      const item = segment.cursor.next(limitBytes)
      if (item.kind === 'frame') {
        yield eventOf(segment, item)
        continue
      }
      const restBytes = item.kind === 'damage' ? item.totalBytes : item.restBytes
      const lost = item.kind === 'damage' || (restBytes > 0 && (ended || item.position < syncedBytes))
      if (lost && item.position !== this.#toldAt) yield damage(segment, item.position, restBytes)
      if (lost) this.#toldAt = item.position
      if (item.kind === 'end') return
    }
  }
}

function damage (segment: OpenedSegment, position: number, totalBytes: number): JournalItem {
  return { kind: 'damage', journal: `${segment.number}:${position}`, totalBytes }
}

function eventOf (segment: OpenedSegment, item: Extract<SegmentItem, { kind: 'frame' }>): JournalItem {
  // A copy, because the cursor reuses its memory and the event may be kept.
  const frame = Buffer.from(item.bytes.subarray(item.start, item.start + item.totalBytes))
  const head = readHead(frame, 0)
  const record = decodeRecord(frame, head.recordAt, head.timestampMs)
  if (record === undefined) return damage(segment, item.position, item.totalBytes)
  return {
    kind: 'event', journal: `${segment.number}:${item.position}`, topic: head.topic, timestampMs: record.timestampMs,
    key: record.key, value: record.value, headers: record.headers
  }
}

// The order matters: a gateway that starts after the listing writes only to segments that are not in it, and one that
// ended before the lock was looked at takes nothing back any more.
function look (folder: Folder): View {
  const names = listNames(folder)
  const numbers = names.map(numberOf).filter(number => number !== undefined).sort((one, other) => one - other)
  const live = isLocked(folder.path)
  const found = readMark(folder)
  // Without a mark a segment that has a next one proves itself: it was synced before that one was made.
  const mark = found ?? { segment: 0, bytes: 0 }
  const proven = found === undefined ? numbers.slice(0, -1) : numbers.filter(number => number <= mark.segment)
  return {
    numbers: live ? proven : numbers,
    mark, live,
    // A running gateway's is empty for an instant after it is made.
    markMissing: found === undefined && numbers.length > 0 && !(live && names.includes(markName)),
    limitBytes (segment) {
      if (live && mark.segment === segment.number) return mark.bytes
      const next = numbers.includes(segment.number + 1) ? openIfThere(folder, segment.number + 1) : undefined
      const leftAtBytes = next?.header?.previousBytes ?? 0
      next?.close()
      // May lie behind the file's end, where something has cut it: what lacks is told as damage then.
      if (leftAtBytes > 0) return leftAtBytes
      return Math.max(segment.bytes(), mark.segment === segment.number ? mark.bytes : 0)
    }
  }
}

function listNames (folder: Folder): string[] {
  try {
    return folder.list().map(file => file.name)
  } catch (cause) {
    throw new JournalError('journal-unreadable', `reading the journal in ${folder.path} failed: ${systemCode(cause)}`, {
      hint: 'name the folder that the gateway writes to (journal.dir)', cause
    })
  }
}

function openIfThere (folder: Folder, number: number): OpenedSegment | undefined {
  try {
    return openSegment(folder, number)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
