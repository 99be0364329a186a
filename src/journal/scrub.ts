// Reads the segments of earlier runs in the background, slice by slice, so that damage in them is told by the gateway
// itself and not only to whoever reads them. A start does not wait for it: see recover.ts.

import type { Log } from '../contract/adapter.ts'
import type { Folder } from './folder.ts'
import { systemCode } from './journal-error.ts'
import { numberOf } from './layout.ts'
import type { Levels } from './levels.ts'
import { copyAside } from './quarantine.ts'
import type { DamagedRange } from './quarantine.ts'
import { openSegment } from './segment.ts'
import type { OpenedSegment } from './segment.ts'

/** What one step reads at most, except where one frame or one damaged range is longer. */
const sliceBytes = 262_144
/** Per segment: one that is damaged all over must not fill the folder with files. The others are counted only. */
const copiesMax = 100

export interface ScrubOptions {
  readonly folder: Folder
  readonly levels: Levels
  readonly log: Log
  /** Segments below this number are read. */
  readonly nextSegment: number
  readonly bytesMax: number
}

export class Scrub {
  readonly #options: ScrubOptions
  readonly #left: { readonly number: number, readonly bytes: number }[] = []
  #leftBytes = 0
  #segment: OpenedSegment | undefined
  #rangeCount = 0
  #damagedBytes = 0
  #copyCount = 0

  constructor (options: ScrubOptions) {
    this.#options = options
    for (const { name, bytes } of options.folder.list()) {
      const number = numberOf(name)
      if (number === undefined || number >= options.nextSegment) continue
      this.#left.push({ number, bytes })
      this.#leftBytes += bytes
    }
    options.levels.set('uncheckedBytes', this.#leftBytes)
  }

  /** Reads one slice. False when there is nothing left to read. */
  step (): boolean {
    const next = this.#left[0]
    if (next === undefined) return false
    try {
      this.#segment ??= openSegment(this.#options.folder, next.number)
      if (!this.#readSlice(this.#segment)) this.#end()
    } catch (error) {
      // A segment may be moved away at any time. Any other error is the disk's, and says that its bytes are lost.
      if (systemCode(error) !== 'ENOENT') {
        this.#options.levels.add('quarantinedCount', 1)
        this.#options.log.error(
          { segment: next.number, error: systemCode(error) }, 'a segment of the journal could not be checked'
        )
      }
      this.#end()
    }
    return true
  }

  close (): void {
    this.#segment?.close()
    this.#segment = undefined
    this.#left.length = 0
  }

  /** False at the segment's end. */
  #readSlice (segment: OpenedSegment): boolean {
    const fileBytes = segment.bytes()
    const { cursor } = segment
    if (cursor === undefined) {
      this.#damaged(segment, { position: 0, totalBytes: fileBytes })
      return false
    }
    let from: number | undefined
    for (;;) {
      const item = cursor.next(fileBytes)
      if (item.kind === 'damage') this.#damaged(segment, item)
      else if (item.kind === 'end') {
        if (item.restBytes > 0) this.#damaged(segment, { position: item.position, totalBytes: item.restBytes })
        return false
      }
      from ??= item.position
      const position = item.position + item.totalBytes
      if (position - from < sliceBytes) continue
      this.#options.levels.set('uncheckedBytes', Math.max(0, this.#leftBytes - position))
      return true
    }
  }

  #damaged (segment: OpenedSegment, range: DamagedRange): void {
    const { folder, levels, bytesMax } = this.#options
    // A copy is a convenience, room for events is not: the damage stays in its segment in any case.
    if (this.#copyCount < copiesMax && levels.get('bytes') + range.totalBytes <= bytesMax) {
      this.#copyCount++
      if (!copyAside(folder, segment, range).made) return
      levels.add('bytes', range.totalBytes)
    }
    levels.add('quarantinedCount', 1)
    this.#rangeCount++
    this.#damagedBytes += range.totalBytes
  }

  #end (): void {
    const { levels, log } = this.#options
    if (this.#rangeCount > 0) {
      log.error(
        { segment: this.#segment?.name, rangeCount: this.#rangeCount, damagedBytes: this.#damagedBytes },
        'damage in an older segment of the journal was copied aside'
      )
    }
    this.#rangeCount = this.#damagedBytes = this.#copyCount = 0
    this.#segment?.close()
    this.#segment = undefined
    this.#leftBytes -= this.#left.shift()?.bytes ?? 0
    levels.set('uncheckedBytes', this.#leftBytes)
  }
}
