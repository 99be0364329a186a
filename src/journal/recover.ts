// What a start does with the segments of earlier runs: cuts off a torn tail, copies damage aside, reports gaps.
//
// How much is read is bounded: the last segment with frames in full, because only it can have a torn tail; of the
// others the header, and their length against what the next one's header says it was. One whose length differs, whose
// header is damaged or whose sync had failed is read in full too. The rest is read after the start, in the background
// (scrub.ts), and the reader returns damage like a frame and never steps over it in silence. Damaged bytes stay where
// they are, so that positions in receipts keep their meaning. A start never appends to an old segment.

import type { Log } from '../contract/adapter.ts'
import type { Folder } from './folder.ts'
import { JournalError, systemCode } from './journal-error.ts'
import { headerBytes, nameOf, numberOf } from './layout.ts'
import type { Mark } from './layout.ts'
import { lockName, ownerName } from './lock.ts'
import { markName, readMark } from './mark.ts'
import { copyAside, copyNameOf } from './quarantine.ts'
import { openSegment } from './segment.ts'
import type { OpenedSegment } from './segment.ts'

export interface Recovered {
  /** Number of the segment to write next, and the length of the one before it. */
  readonly nextSegment: number
  readonly previousBytes: number
  readonly segmentCount: number
  /** Bytes in the folder, copies of damage included. */
  readonly bytes: number
  /** Good frames in the segments that were read in full. */
  readonly frameCount: number
  readonly truncatedBytes: number
  readonly quarantinedCount: number
  readonly suspectCount: number
  readonly missingCount: number
}

const quarantineName = /\.quarantine$/
const suspectName = /^(.*)\.suspect$/

/** Throws `JournalError` where the folder cannot be used at all. */
export function recover (folder: Folder, log: Log): Recovered {
  try {
    return new Recovery(folder, log).run()
  } catch (cause) {
    if (cause instanceof JournalError) throw cause
    throw new JournalError('journal-unreadable', `reading the journal in ${folder.path} failed: ${systemCode(cause)}`, {
      hint: 'check the permissions of the folder and the health of its disk', cause
    })
  }
}

class Recovery {
  readonly #folder: Folder
  readonly #log: Log
  readonly #mark: Mark
  readonly #suspects = new Set<string>()
  #frameCount = 0
  #truncatedBytes = 0
  #damagedCount = 0
  #missingCount = 0

  constructor (folder: Folder, log: Log) {
    this.#folder = folder
    this.#log = log
    this.#mark = readMark(folder) ?? { segment: 0, bytes: 0 }
  }

  run (): Recovered {
    const numbers = this.#survey()
    const segments: OpenedSegment[] = []
    try {
      for (const number of numbers) segments.push(openSegment(this.#folder, number))
      this.#dropEmptyTail(segments)
      this.#findMissing(segments)
      for (const [index, segment] of segments.entries()) this.#check(segment, segments[index + 1])
      const last = segments.at(-1)
      if (last !== undefined) this.#settle(last)
      return this.#result(last)
    } finally {
      for (const segment of segments) segment.close()
    }
  }

  /** Sorts the files of the folder into what is ours and what is not; returns the segments' numbers, ascending. */
  #survey (): number[] {
    const numbers: number[] = []
    for (const { name } of this.#folder.list()) {
      const number = numberOf(name)
      const suspect = suspectName.exec(name)?.[1]
      if (number !== undefined) numbers.push(number)
      else if (suspect !== undefined) this.#suspects.add(suspect)
      else if (quarantineName.test(name)) this.#damagedCount++
      else if (name !== lockName && name !== ownerName && name !== markName) {
        this.#log.warn({ dir: this.#folder.path, file: name }, 'a file that is not the journal\'s is ignored')
      }
    }
    return numbers.sort((one, other) => one - other)
  }

  /** A segment without frames is one whose run ended before its first group; nothing can point into it. */
  #dropEmptyTail (segments: OpenedSegment[]): void {
    for (let last = segments.at(-1); last !== undefined && last.bytes() <= headerBytes; last = segments.at(-1)) {
      if (this.#mark.segment === last.number && this.#mark.bytes > last.bytes()) return
      last.close()
      segments.pop()
      this.#folder.remove(last.name)
    }
  }

  #findMissing (segments: readonly OpenedSegment[]): void {
    let expected = segments[0]?.number ?? 0
    for (const { number } of segments) {
      if (number > expected) this.#missing(expected, number - 1)
      expected = number + 1
    }
    // The last one may be gone as well: the mark remembers it. Segments moved away before it are an operator's right.
    const { segment, bytes } = this.#mark
    if (segment >= expected && bytes > headerBytes) this.#missing(Math.max(expected, 1), segment)
  }

  #missing (first: number, last: number): void {
    this.#missingCount += last - first + 1
    this.#log.error(
      { dir: this.#folder.path, first: nameOf(first), last: nameOf(last) }, 'segments of the journal are missing'
    )
  }

  #check (segment: OpenedSegment, next: OpenedSegment | undefined): void {
    const bytes = segment.bytes()
    const leftAt = next?.number === segment.number + 1 ? next.header?.previousBytes ?? 0 : 0
    const syncedBytes = next === undefined && this.#mark.segment === segment.number ? this.#mark.bytes : leftAt
    if (bytes < syncedBytes) {
      this.#damagedCount++
      this.#log.error({ segment: segment.name, bytes, syncedBytes }, 'a segment of the journal is shorter than it was')
    }
    if (segment.header === undefined) this.#quarantine(segment, 0, segment.cursor === undefined ? bytes : headerBytes)
    const unsure = segment.header === undefined || bytes !== leftAt || this.#suspects.has(segment.name)
    if (next === undefined || unsure) this.#scan(segment, syncedBytes, next === undefined)
  }

  #scan (segment: OpenedSegment, syncedBytes: number, last: boolean): void {
    const bytes = segment.bytes()
    for (;;) {
      const item = segment.cursor?.next(bytes)
      if (item?.kind === 'frame') {
        this.#frameCount++
        continue
      }
      if (item?.kind === 'damage') {
        this.#quarantine(segment, item.position, item.totalBytes)
        continue
      }
      if (item === undefined || item.restBytes === 0) return
      // Behind the mark nothing was ever acknowledged: a write that a crash cut short. Before it, that is damage.
      if (last && item.position >= syncedBytes) this.#cutTail(segment, item.position, item.restBytes)
      else this.#quarantine(segment, item.position, item.restBytes)
      return
    }
  }

  #cutTail (segment: OpenedSegment, position: number, restBytes: number): void {
    const file = this.#folder.open(segment.name)
    try {
      this.#folder.truncate(file, position)
      this.#folder.sync(file)
    } finally {
      this.#folder.close(file)
    }
    this.#truncatedBytes += restBytes
    this.#log.warn({ segment: segment.name, position, restBytes }, 'a torn write at the journal\'s end was cut off')
  }

  #quarantine (segment: OpenedSegment, position: number, totalBytes: number): void {
    const range = { position, totalBytes }
    const copy = copyNameOf(segment, range)
    this.#log.error({ segment: segment.name, position, totalBytes, copy }, 'damage in the journal was copied aside')
    const { made, error } = copyAside(this.#folder, segment, range)
    // What an earlier start has copied the survey has counted.
    if (made) this.#damagedCount++
    // A full disk must not keep the gateway from starting: the damage is still in its segment.
    if (error !== '') this.#log.error({ copy, error }, 'the copy of the damage is not complete')
  }

  /** What a killed process had written may only be in the page cache: from here on its good frames count as synced. */
  #settle (last: OpenedSegment): void {
    const file = this.#folder.open(last.name)
    try {
      this.#folder.sync(file)
    } finally {
      this.#folder.close(file)
    }
    this.#folder.syncNames()
  }

  #result (last: OpenedSegment | undefined): Recovered {
    const files = this.#folder.list()
    let bytes = 0
    for (const file of files) bytes += file.bytes
    const lastNumber = last?.number ?? 0
    // A number whose segment is lost is not given out again, unless that segment never held a frame.
    const usedNumber = this.#mark.bytes > headerBytes ? Math.max(lastNumber, this.#mark.segment) : lastNumber
    return {
      nextSegment: usedNumber + 1,
      previousBytes: usedNumber === lastNumber ? last?.bytes() ?? 0 : 0,
      segmentCount: files.filter(file => numberOf(file.name) !== undefined).length,
      bytes,
      frameCount: this.#frameCount, truncatedBytes: this.#truncatedBytes, quarantinedCount: this.#damagedCount,
      suspectCount: this.#suspects.size, missingCount: this.#missingCount
    }
  }
}
